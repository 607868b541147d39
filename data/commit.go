package data

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/edged/edged/internal/vfs"
)

// commit writes what is new and makes it visible.
func (im *importer) commit(ctx context.Context) error {
	var events []segment
	for _, day := range im.spill.dayNumbers() {
		s, err := im.writeDay(ctx, day)
		if err != nil {
			return err
		}
		if s != nil {
			events = append(events, *s)
		}
		delete(im.spill.days, day)
	}
	items, err := im.writeItems(ctx)
	if err != nil {
		return err
	}
	if len(events)+len(items) == 0 {
		return nil
	}
	for _, folder := range []string{eventsDir, itemsDir} {
		if err := im.dir.fs.SyncDir(im.dir.file(folder)); err != nil {
			return err
		}
	}
	next := im.dir.m.add(events, items)
	if err := vfs.WriteFile(im.dir.fs, im.dir.file(manifestName), next.encode()); err != nil {
		im.made = nil // the rename may have happened: the files may be in use
		return err
	}
	im.dir.m, im.made = next, nil
	return nil
}

// writeDay writes the new events of a day, nil when there are none.
func (im *importer) writeDay(ctx context.Context, day int64) (*segment, error) {
	name := dayName(day)
	known, n := im.dir.daySegments(name)
	rows := im.spill.days[day].rows
	passes := passesFor(n+rows, im.opts.MaxMemory/96) // bytes an id costs in the maps
	w := &segmentFile{im: im, kind: EventSegment, folder: eventsDir, day: name}
	for pass := range passes {
		d := newDeduper(pass, passes)
		if err := im.prepare(ctx, d, day, known); err != nil {
			return nil, errors.Join(err, w.abort())
		}
		err := im.spill.each(day, func(file int, rec []byte) error {
			out, ours := d.fresh(file, rec)
			if out == nil {
				if ours {
					im.tally.Duplicates++
				}
				return nil
			}
			im.tally.Events++
			return w.add(out)
		})
		if err != nil {
			return nil, errors.Join(err, w.abort())
		}
	}
	return w.finish()
}

// prepare teaches a deduper what the day's rows will ask for, and then what the directory has.
func (im *importer) prepare(ctx context.Context, d *deduper, day int64, known []segment) error {
	if im.spill.days[day].own {
		err := im.spill.each(day, func(_ int, rec []byte) error { d.expect(rec); return nil })
		if err != nil {
			return err
		}
	}
	return im.dir.learnDay(ctx, known, d)
}

// writeItems writes the patches that say something new.
func (im *importer) writeItems(ctx context.Context) ([]segment, error) {
	if im.opts.Kind == Items {
		im.tally.Items = int64(len(im.items))
		im.tally.Duplicates = im.isRow - im.tally.Items
	}
	if len(im.items) == 0 {
		return nil, nil
	}
	known, err := im.dir.catalogue(ctx)
	if err != nil {
		return nil, err
	}
	im.tally.Items = int64(len(im.items))
	w := &segmentFile{im: im, kind: ItemSegment, folder: itemsDir}
	for _, id := range slices.Sorted(maps.Keys(im.items)) {
		for _, p := range im.items[id].patches() {
			if !known.apply(&p) {
				continue
			}
			if err := w.add(AppendItemJSON(nil, &p)); err != nil {
				return nil, errors.Join(err, w.abort())
			}
		}
	}
	s, err := w.finish()
	if s == nil || err != nil {
		return nil, err
	}
	return []segment{*s}, nil
}
