package galaxy

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhichCopiesWereLeftBehind(t *testing.T) {
	idle, patching := CopyRecord{Newest: 7}, CopyRecord{Newest: 7, Open: 7}
	kept := CopyRecord{Newest: 7, Kept: []int64{3, 5}}
	for name, c := range map[string]struct {
		record CopyRecord
		label  string
		want   bool
	}{
		"of a patch that is over":             {idle, "patch-7", true},
		"of one long over":                    {patching, "patch-2", true},
		"of the open patch":                   {patching, "patch-7", false},
		"of one that is kept":                 {kept, "patch-5", false},
		"of one beside those that are kept":   {kept, "patch-4", true},
		"of a number that has not come":       {idle, "patch-8", false},
		"of a game that has done nothing yet": {CopyRecord{}, "patch-1", false},
		"of no patch":                         {idle, "before-the-update", false},
		"of no number":                        {idle, "patch-x", false},
		"of a number written otherwise":       {idle, "patch-07", false},
		"of zero":                             {idle, "patch-0", false},
		"of less":                             {idle, "patch--1", false},
		"of a number beyond all":              {idle, "patch-99999999999999999999", false},
	} {
		require.Equal(t, c.want, c.record.Leaves(c.label), name)
	}
}
