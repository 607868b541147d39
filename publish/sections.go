package publish

import (
	"github.com/edged/edged/release"
	"github.com/edged/edged/snapshot"
)

// Section is what a section of a component costs on the wire. An empty Name is header, table and small sections, which share chunks.
type Section struct {
	Component string `json:"component"`
	Name      string `json:"name"`
	Size      int64  `json:"size"`   // raw bytes, padding included
	Packed    int64  `json:"packed"` // bytes a node fetches that has nothing
	Update    int64  `json:"update"` // bytes a node fetches that has the release before
}

// sections adds the chunks up by the section they belong to.
func (p *publisher) sections(m *release.Manifest) (list []Section) {
	for i := range m.Components {
		c := &m.Components[i]
		var off int64
		begin := len(list)
		for _, chunk := range c.Chunks {
			s := sectionOf(&list, begin, c.Name, nameAt(p.opened[c.Name], off))
			s.Size += chunk.Raw
			s.Packed += chunk.Size
			s.Update += p.base.update(c.Name, chunk)
			off += chunk.Raw
		}
	}
	return list
}

func sectionOf(list *[]Section, begin int, component, name string) *Section {
	for i := begin; i < len(*list); i++ {
		if (*list)[i].Name == name {
			return &(*list)[i]
		}
	}
	*list = append(*list, Section{Component: component, Name: name})
	return &(*list)[len(*list)-1]
}

// nameAt is the section that alone lies at an offset.
func nameAt(f *snapshot.File, at int64) string {
	if f == nil {
		return "" // a refresh looks at no files
	}
	for _, s := range f.Sections() {
		if off, n, _ := f.Extent(s.Name); off <= at && at < off+padded(n) && n >= small {
			return s.Name
		}
	}
	return ""
}

// update is how many bytes of a chunk a node with the base fetches.
func (b *base) update(component string, chunk release.Chunk) int64 {
	switch {
	case b == nil:
		return chunk.Size
	case b.refs[component].IDs[chunk.ID]:
		return 0
	case chunk.Delta != nil:
		return chunk.Delta.Size
	}
	return chunk.Size
}
