package grpcpush

import (
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
)

// encoded is a message whose bytes are ready: an event is encoded once for all gateways.
type encoded []byte

// codec is gRPC's own for protobuf, except that encoded messages are sent as they are.
type codec struct{}

var protobuf = encoding.GetCodecV2(proto.Name)

func (codec) Marshal(v any) (mem.BufferSlice, error) {
	if e, ok := v.(encoded); ok {
		return mem.BufferSlice{mem.SliceBuffer(e)}, nil
	}
	return protobuf.Marshal(v)
}

func (codec) Unmarshal(data mem.BufferSlice, v any) error { return protobuf.Unmarshal(data, v) }

func (codec) Name() string { return proto.Name }
