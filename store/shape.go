package store

import "reflect"

// shape is a statement whose text jet makes once, for those that every turn needs: making it takes as much of a processor as all
// else that such a transaction asks of this process.
type shape string

func shapeOf(s statement) shape {
	text, _ := s.Sql()
	return shape(text)
}

// with gives the statement for values, in the order of their places in the text.
func (s shape) with(values ...any) literal { return literal{string(s), values} }

// fields gives the values of a row, in the order of the table's columns.
func fields(row any) []any {
	v := reflect.ValueOf(row)
	values := make([]any, v.NumField(), v.NumField()+2)
	for i := range values {
		values[i] = v.Field(i).Interface()
	}
	return values
}

// mutable gives the values of a row but for its key, which is its first column, and then those of keys.
func mutable(row any, keys ...any) []any { return append(fields(row)[1:], keys...) }
