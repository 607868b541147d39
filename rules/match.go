package rules

// Context is what a request says of itself. Its bytes are only read during Match.
type Context struct {
	Slot, Country, Device, Segment []byte
	Visitor                        []Attribute
	Time                           int64 // Unix milliseconds
}

// Attribute is something known of the visitor: visitor.NAME in expressions.
type Attribute struct {
	Name  []byte
	Value Value
}

// value implements environment.
func (c *Context) value(name string) Value {
	switch name {
	case "slot":
		return given(c.Slot)
	case "country":
		return given(c.Country)
	case "device":
		return given(c.Device)
	case "segment":
		return given(c.Segment)
	}
	const prefix = len("visitor.")
	for i := range c.Visitor {
		if string(c.Visitor[i].Name) == name[prefix:] {
			return c.Visitor[i].Value
		}
	}
	return Value{}
}

func given(b []byte) Value {
	if len(b) == 0 {
		return Value{}
	}
	return Text(b)
}

// Match makes p the plan of a request: what the rules that hold for it want. It allocates nothing once p has grown. A nil Set has no rules.
func (s *Set) Match(p *Plan, c *Context) {
	p.reset(s)
	if s == nil {
		return
	}
	list, ok := s.bySlot[string(c.Slot)]
	if !ok {
		list = s.anySlot
	}
	if len(list) == 0 {
		return
	}
	m := matching{set: s, ctx: c}
	m.values = [dimensions]uint32{
		s.values[dimCountry][string(c.Country)], s.values[dimDevice][string(c.Device)], s.values[dimSegment][string(c.Segment)],
	}
	for _, i := range list {
		if m.holds(&s.rules[i].when) {
			p.take(i, &s.rules[i])
		}
	}
}

// matching is one Match under way.
type matching struct {
	set     *Set
	ctx     *Context
	values  [dimensions]uint32
	minutes [MaxZones + 1]int16 // of the week by zone, plus 1; 0: not worked out yet
}

func (m *matching) holds(w *when) bool {
	if m.ctx.Time < w.from || w.until != 0 && m.ctx.Time >= w.until {
		return false
	}
	for dim := range w.allowed {
		if set := w.allowed[dim]; set != nil && set[m.values[dim]/64]>>(m.values[dim]%64)&1 == 0 {
			return false
		}
	}
	if w.weekly != nil && !holds(w.weekly, m.minute(w.zone)) {
		return false
	}
	return w.condition == nil || w.condition.holds(m.ctx)
}

func (m *matching) minute(zone int) int16 {
	if m.minutes[zone] == 0 {
		m.minutes[zone] = minuteOfWeek(m.ctx.Time, m.set.zones[zone]) + 1
	}
	return m.minutes[zone] - 1
}
