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

// table is a report that people can read too.
type table interface{ WriteTable(w io.Writer) error }

// show prints a report: as JSON where name is -, else as a table, and as JSON to the file called name if there is one.
func show(std streams, name string, report table) error {
	if name == "-" {
		return encodeJSON(std.out, report)
	}
	if err := report.WriteTable(std.out); err != nil {
		return err
	}
	return writeJSONValue(name, report)
}

// writeJSONValue writes v to a file, if one was asked for.
func writeJSONValue(name string, v any) (err error) {
	if name == "" {
		return nil
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return encodeJSON(f, v)
}
