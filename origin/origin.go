// Package origin is where releases are published and where nodes read them when no peer has them: a store of named
// byte strings. It believes nothing and checks nothing of what it holds; signatures and hashes are its users' affair.
//
// Layout, written by publish and read by node:
//
//	rollout.json              which release to serve; the only name whose bytes ever change
//	roots/<version>.json      who may sign what, by version
//	manifests/<hex>.json      signed manifests by the hash of their bytes
//	chunks/<aa>/<hex>         compressed chunks by the hash of their bytes, <aa> the first two digits
//	published.json            says that there was a rollout: one that is missing is lost, and not the first one still to come
//
// An Origin is safe for concurrent use. Get returns bytes the caller owns.
package origin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"strconv"
	"strings"

	"github.com/edged/edged/internal/vfs"
)

// What callers branch on.
var (
	ErrNotFound = errors.New("not at the origin")
	ErrTooLarge = errors.New("larger than allowed")
	ErrLocked   = errors.New("another publisher is at work")
	ErrSlow     = errors.New("too slow")
)

// Origin holds named byte strings. Names are clean relative slash paths (CheckName).
type Origin interface {
	// Get returns what is stored under name, or an error that wraps ErrNotFound, or ErrTooLarge for more than max
	// bytes, of which it reads no more than it must to know.
	Get(ctx context.Context, name string, max int64) ([]byte, error)
	// Put stores data under name, durably and all at once: a reader sees what was there before or all of data.
	Put(ctx context.Context, name string, data []byte) error
	// String is the address, without secrets.
	String() string
}

// Locker is an Origin that keeps publishers apart. The lock is held until closed or the process ends.
type Locker interface {
	Lock(ctx context.Context) (io.Closer, error)
}

// Names of the layout.
const (
	RolloutName   = "rollout.json"
	PublishedName = "published.json"
)

// RootName is the name of a root by its version.
func RootName(version uint64) string { return rootsDir + strconv.FormatUint(version, 10) + ".json" }

const rootsDir = "roots/"

// ManifestName is the name of a manifest by the hex digits of its hash.
func ManifestName(hex string) string { return "manifests/" + hex + ".json" }

// ChunkName is the name of a chunk by the hex digits of its hash.
func ChunkName(hex string) string { return "chunks/" + hex[:2] + "/" + hex }

const maxName = 256

// CheckName refuses what is not a clean relative slash path, or has parts that begin with a dot.
func CheckName(name string) error {
	if len(name) > maxName || !fs.ValidPath(name) || strings.ContainsAny(name, "\\:\x00") {
		return fmt.Errorf("origin: bad name %.80q: want a clean relative path of at most %d bytes", name, maxName)
	}
	for part := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(part, ".") {
			return fmt.Errorf("origin: bad name %.80q: a part begins with a dot", name)
		}
	}
	return nil
}

// Open finds the origin at an address: a directory, a file:// URL of one, or an http://, https:// or s3:// URL.
func Open(fsys vfs.FS, address string) (Origin, error) {
	const want = "give a directory, or a file://, http://, https:// or s3:// URL"
	if address == "" {
		return nil, fmt.Errorf("origin: no address: %s", want)
	}
	scheme, _, ok := strings.Cut(address, "://")
	if !ok {
		return NewDir(fsys, address), nil
	}
	switch scheme {
	case "http", "https":
		return NewHTTP(address)
	case "s3":
		return NewS3(address)
	case "file":
		return openFile(fsys, address)
	}
	return nil, fmt.Errorf("origin: %.40q is not supported: %s", scheme+"://", want)
}

func openFile(fsys vfs.FS, address string) (Origin, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("origin: %w", err)
	}
	if (u.Host != "" && u.Host != "localhost") || u.Path == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("origin: %.200q: want file:///path, with three slashes", address)
	}
	return NewDir(fsys, u.Path), nil
}
