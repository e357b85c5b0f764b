package registry

import "context"

// Auxiliary passes one request on to the external connections of the format
// that the repository reaches, in their order, until one has an answer.
// NotFound when none has or it reaches none. Needs ReadFromRepository.
func (r *Repo) Auxiliary(ctx context.Context, format string, q AuxiliaryRequest) (AuxiliaryAnswer, error) {
	return r.auxiliary(ctx, format, func(string) bool { return true }, q)
}

// AuxiliaryOf is Auxiliary for what is about versions of an origin: only the
// connection through which they came is asked. Another may know something else
// by their name.
func (r *Repo) AuxiliaryOf(ctx context.Context, format string, origin Origin, q AuxiliaryRequest) (AuxiliaryAnswer, error) {
	return r.auxiliary(ctx, format, func(connection string) bool { return connection == origin.Connection }, q)
}

func (r *Repo) auxiliary(ctx context.Context, format string, ask func(connection string) bool, q AuxiliaryRequest) (AuxiliaryAnswer, error) {
	n, _, err := r.enter(ctx, ReadFromRepository, PackageID{})
	if err != nil {
		return AuxiliaryAnswer{}, err
	}
	var first error
	for _, connection := range n.reach[format] {
		if r.svc.Puller == nil || !ask(connection) {
			continue
		}
		answer, err := r.svc.Puller.Fetch(ctx, connection, q)
		if !IsNotFound(err) {
			return answer, err
		}
		if first == nil {
			first = err
		}
	}
	if first == nil {
		first = Errorf(NotFound, "repository %q has no external connection for %s packages, nor has one upstream of it", n.ID.Name, format).About(n.resource())
	}
	return AuxiliaryAnswer{}, first
}
