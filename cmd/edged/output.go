package main

import (
	"encoding/json"
	"errors"
	"io"
	"os"
)

func encodeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// writeJSONValue writes v to a file, if one was asked for.
func writeJSONValue(name string, v any) error {
	return writeJSON(name, func(w io.Writer) error { return encodeJSON(w, v) })
}

// writeJSON writes a report to a file, if one was asked for.
func writeJSON(name string, write func(io.Writer) error) (err error) {
	if name == "" {
		return nil
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return write(f)
}
