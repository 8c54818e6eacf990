// Package schedule does what is due without anybody asking: renewals ahead of need first of
// all.
//
// It owns the loop: claim a bounded batch, do it with a bounded number of workers, claim
// again when there is room and more is due, and look again after a while when there is not.
// Work that is in no hurry is begun at a pace, so that it does not crowd out what is.
// What is due lives as columns on the rows it is about, and a claim puts those off, so that
// replicas share the work and what a killed process had claimed comes due again.
//
// It refuses to know what the work is, and to hold more of it than its workers can take up
// at once: memory does not grow with what is due.
package schedule
