package overlay

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/flate"

	"github.com/edged/edged"
	"github.com/edged/edged/data"
)

// dictionary is what the JSON of nearly every item has: part of the format, never to be changed.
var dictionary = []byte(`.jpg.png.webp","https://www.http:// und for the and with "tags":[""],"published":"2026-expires":"attributes":{"":"color":"size":` +
	`"image":"https://","url":"https://","brand":"","currency":"EUR","USD","GBP","price":.99,"categories":[""/","],"description":"","title":"`)

// pack makes of an item what travels: its JSON without the id, by DEFLATE.
func pack(it *edged.Item) ([]byte, error) {
	bare := *it
	bare.ID = ""
	text := data.AppendItemJSON(nil, &bare)
	if len(text) > maxItem {
		return nil, fmt.Errorf("%d bytes, at most %d", len(text), maxItem)
	}
	var b bytes.Buffer
	w, err := flate.NewWriterDict(&b, flate.BestCompression, dictionary)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(text); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	if b.Len() > maxContent {
		return nil, fmt.Errorf("%d bytes when packed, at most %d: shorten the description", b.Len(), maxContent)
	}
	return b.Bytes(), nil
}

// unpack reads what pack made: at most maxItem bytes of JSON, whatever is claimed.
func unpack(id string, b []byte) (*edged.Item, error) {
	r := flate.NewReaderDict(bytes.NewReader(b), dictionary)
	text, err := io.ReadAll(io.LimitReader(r, maxItem+1))
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, fmt.Errorf("not packed as it should be: %w", err)
	}
	if len(text) > maxItem {
		return nil, fmt.Errorf("unpacks to more than %d bytes", maxItem)
	}
	it, err := ParseItem(id, text)
	if err != nil {
		return nil, err
	}
	return &it, nil
}

// ParseItem reads what a new item is: an object with the fields of a catalogue's item, but for its id, which is said elsewhere, and
// its vector, which follows from its text.
func ParseItem(id string, text []byte) (edged.Item, error) {
	it, err := data.ParseBareItem(text)
	switch {
	case err != nil:
		return it, err
	case it.ID != "":
		return it, errors.New("id: is said beside the item, not in it")
	case it.Vector != nil:
		return it, errors.New("vector: follows from what the item says of itself")
	case it.Price < 0:
		return it, fmt.Errorf("price: %v, want none below 0", it.Price)
	}
	it.ID = id
	return it, nil
}
