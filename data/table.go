package data

// table is a CSV file as a mapping sees it.
type table struct {
	im *importer
	m  *Mapping
	at []int
	r  *row
}

func (im *importer) table(header []string) (*table, error) {
	m := im.m
	if m == nil {
		var err error
		if m, err = identity(header, im.opts.Kind); err != nil {
			return nil, err
		}
	}
	if err := im.checkSections(m); err != nil {
		return nil, err
	}
	at, err := m.bind(header, im.opts.Kind == Events, m.items != nil)
	if err != nil {
		return nil, err
	}
	return &table{im, m, at, m.newRow()}, nil
}

func (t *table) load(fields []string) {
	t.r.reset()
	for slot, i := range t.at {
		t.r.values[slot] = ""
		if i >= 0 {
			t.r.values[slot] = fields[i]
		}
	}
}

func (t *table) read(rec *record) *fault {
	if rec.fault != "" {
		return &fault{rec.fault, true, ""}
	}
	t.load(rec.fields)
	return t.im.mapRow(t.m, t.r)
}

// plausible says whether fields map to an event or item, or are filtered: whether they are a row, not prose.
func (t *table) plausible(fields []string) bool {
	t.load(fields)
	err := t.im.mapRow(t.m, t.r)
	return err == nil || !err.bad
}
