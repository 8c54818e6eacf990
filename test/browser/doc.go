// Package browser walks the whole journey of an OAuth connection in a real browser.
//
// It owns the tests alone, in a module of its own, so that the product does not depend on
// what drives the browser. Each test has a service, an OAuth server in a process of its
// own, and a platform: one origin with the platform's pages and, behind it, the service's
// API, as a platform would deploy them.
//
//	Chromium ──► http://localhost:PORT   the platform: /users/{id}, /connected, /api/… ─► strongroom
//	    │                                                                                   │
//	    └──────► http://127.0.0.1:PORT   the OAuth server: log in, consent ◄── code, tokens ┘
//
// The two have different hosts on purpose: to a browser they are different sites, so that
// it decides about cookies as it would in the world.
//
// Every person has a browser context of their own, which shares neither cookies nor cache
// with another's. The tests refuse to wait by time: they wait for what a person would see.
package browser
