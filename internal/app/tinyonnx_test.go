package app_test

import (
	"encoding/binary"
	"encoding/json"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// message is a protobuf message that is being written; ONNX files are such messages.
type message []byte

func (m message) number(field, value uint64) message {
	return binary.AppendUvarint(binary.AppendUvarint(m, field<<3), value)
}

func (m message) bytes(field uint64, value []byte) message {
	return append(binary.AppendUvarint(binary.AppendUvarint(m, field<<3|2), uint64(len(value))), value...)
}

func (m message) text(field uint64, value string) message { return m.bytes(field, []byte(value)) }

// The field numbers and kinds below are those of onnx.proto.
const (
	onnxFloat = 1
	onnxInt64 = 7
)

// node applies op; attributes come as written.
func node(op string, in []string, out string, attributes ...message) message {
	var n message
	for _, name := range in {
		n = n.text(1, name)
	}
	n = n.text(2, out).text(4, op)
	for _, a := range attributes {
		n = n.bytes(5, a)
	}
	return n
}

// value describes an input or output of two dimensions.
func value(name string, kind uint64, dims ...string) message {
	var shape message
	for _, d := range dims {
		shape = shape.bytes(1, message{}.text(2, d))
	}
	tensor := message{}.number(1, kind).bytes(2, shape)
	return message{}.text(1, name).bytes(2, message{}.bytes(1, tensor))
}

// tinyCrossEncoder writes model.onnx and tokenizer.json into folder: a pair's score is the sum of the weights of the text's words.
func tinyCrossEncoder(t *testing.T, folder string, weights map[string]float32) {
	t.Helper()
	vocabulary := map[string]int{"[UNK]": 0, "[CLS]": 1, "[SEP]": 2}
	table := make([]float32, 3, 3+len(weights))
	for _, word := range slices.Sorted(maps.Keys(weights)) {
		vocabulary[word] = len(table)
		table = append(table, weights[word])
	}
	var raw []byte
	for _, w := range table {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(w))
	}
	graph := message{}.
		bytes(1, node("Gather", []string{"weights", "input_ids"}, "each")).
		bytes(1, node("Cast", []string{"token_type_ids"}, "second", message{}.text(1, "to").number(3, onnxFloat).number(20, 2))).
		bytes(1, node("Mul", []string{"each", "second"}, "counted")).
		bytes(1, node("ReduceSum", []string{"counted"}, "logits", message{}.text(1, "axes").number(8, 1).number(20, 7), message{}.text(1, "keepdims").number(3, 1).number(20, 2))).
		text(2, "tiny").
		bytes(5, message{}.number(1, uint64(len(table))).number(2, onnxFloat).text(8, "weights").bytes(9, raw)).
		bytes(11, value("input_ids", onnxInt64, "batch", "tokens")).
		bytes(11, value("token_type_ids", onnxInt64, "batch", "tokens")).
		bytes(12, value("logits", onnxFloat, "batch", "one"))
	model := message{}.number(1, 6).bytes(7, graph).bytes(8, message{}.number(2, 11))

	tokenizer, err := json.Marshal(map[string]any{
		"version": "1.0", "truncation": nil, "padding": nil, "added_tokens": []any{},
		"normalizer": map[string]any{"type": "Lowercase"}, "pre_tokenizer": map[string]any{"type": "Whitespace"},
		"post_processor": map[string]any{"type": "BertProcessing", "sep": []any{"[SEP]", 2}, "cls": []any{"[CLS]", 1}},
		"decoder":        nil,
		"model":          map[string]any{"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"},
	})
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(folder, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "model.onnx"), model, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "tokenizer.json"), tokenizer, 0o600))
}
