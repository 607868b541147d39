package profile

import "sync"

// shard is a part of the visitors under one lock, in a ring by the time of their last Add: root.next is the latest.
type shard struct {
	mu       sync.Mutex
	max      int
	visitors map[id]*visitor
	root     visitor
}

type visitor struct {
	id         id
	prev, next *visitor
	entries    []entry // newest first
}

func (s *shard) init(maxVisitors int) {
	s.max = maxVisitors
	s.visitors = map[id]*visitor{}
	s.root.prev, s.root.next = &s.root, &s.root
}

func (s *shard) add(v id, e entry, maxRecent int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.visitors[v]
	if u == nil {
		if len(s.visitors) >= s.max {
			s.drop(s.root.prev)
		}
		u = &visitor{id: v}
		s.visitors[v] = u
	} else {
		u.unlink()
	}
	u.linkAfter(&s.root)
	u.entries = insert(u.entries, e, maxRecent)
}

func (s *shard) recent(dst []Recent, v id, oldest int64) []Recent {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.visitors[v]
	if u == nil {
		return dst
	}
	for _, e := range u.entries {
		if e.time < oldest {
			break
		}
		dst = append(dst, e.recent())
	}
	return dst
}

func (s *shard) forget(v id) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.visitors[v]
	if u != nil {
		s.drop(u)
	}
	return u != nil
}

func (s *shard) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.visitors)
}

func (s *shard) drop(u *visitor) {
	u.unlink()
	delete(s.visitors, u.id)
}

func (u *visitor) unlink() { u.prev.next, u.next.prev = u.next, u.prev }

func (u *visitor) linkAfter(at *visitor) {
	u.prev, u.next = at, at.next
	u.prev.next, u.next.prev = u, u
}
