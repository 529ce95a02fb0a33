package main

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"time"
)

// txtCache remembers DKIM keys: a backlog of one vendor's mails would ask for
// the same name thousands of times, and Go's resolver remembers nothing.
type txtCache struct {
	ask func(ctx context.Context, name string) ([]string, error)
	now func() time.Time

	mu    sync.Mutex // guards known; not held while asking
	known map[string]txtAnswer
}

type txtAnswer struct {
	txt   []string
	err   error
	until time.Time
}

const (
	txtTimeout = 10 * time.Second
	// txtKeep is short, since a key is withdrawn by removing it; the resolver
	// tells no TTL.
	txtKeep    = 5 * time.Minute
	txtEntries = 1000
)

func newTXTCache() *txtCache {
	var r net.Resolver
	return &txtCache{ask: r.LookupTXT, now: time.Now, known: map[string]txtAnswer{}}
}

func (c *txtCache) lookup(name string) ([]string, error) {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	now := c.now()
	c.mu.Lock()
	a, ok := c.known[name]
	c.mu.Unlock()
	if ok && now.Before(a.until) {
		return a.txt, a.err
	}
	ctx, cancel := context.WithTimeout(context.Background(), txtTimeout)
	defer cancel()
	txt, err := c.ask(ctx, name)
	if err != nil && !absent(err) {
		return nil, err // of the moment: ask again for the next mail
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.known) >= txtEntries { // names come from mails: never more than so many
		clear(c.known)
	}
	c.known[name] = txtAnswer{txt, err, now.Add(txtKeep)}
	return txt, err
}

// absent: the name server says that there is no such record.
func absent(err error) bool {
	de, ok := errors.AsType[*net.DNSError](err)
	return ok && de.IsNotFound
}
