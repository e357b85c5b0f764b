package policy

// statement is one compiled statement. It is immutable.
type statement struct {
	policy *Policy
	index  int // in the document, from 0
	sid    string
	deny   bool

	principals  principals
	actions     []actionPattern
	notAction   bool
	resources   []*arnPattern // none in trust policies
	notResource bool
	conditions  []condition
}

func (s *statement) effect() string {
	if s.deny {
		return "deny"
	}
	return "allow"
}

// concerns reports whether the statement is about the action, in lower case.
func (s *statement) concerns(action string) bool {
	for i := range s.actions {
		if s.actions[i].glob.match(action) {
			return !s.notAction
		}
	}
	return s.notAction
}

// covers reports whether the statement is about the question: caller, action,
// resource and all conditions fit.
func (s *statement) covers(q *question) bool {
	return s.concerns(q.action) && s.principals.cover(q.caller, s.deny) && s.onResource(q) && s.conditionsHold(q)
}

// onResource reports whether the resource fits. For a question about all
// packages of a repository, whose ARNs begin with the question's, a permission
// fits if it could fit one of them, a denial if it fits all.
func (s *statement) onResource(q *question) bool {
	if len(s.resources) == 0 {
		return true
	}
	if q.noResource {
		for _, r := range s.resources {
			if r.all {
				return !s.notResource
			}
		}
		return s.notResource
	}
	fits := (*arnPattern).match
	switch {
	case q.anyPackage && s.deny != s.notResource:
		fits = (*arnPattern).contains
	case q.anyPackage:
		fits = (*arnPattern).overlaps
	}
	for _, r := range s.resources {
		if s.notResource && !s.deny && !r.resolves(q) {
			return false // what is excepted from the permission is not known
		}
		if fits(r, q, q.arn) || q.also[0] != "" && r.match(q, q.also) {
			return !s.notResource
		}
	}
	return s.notResource
}

func (s *statement) conditionsHold(q *question) bool {
	for i := range s.conditions {
		if !s.conditions[i].holds(q, s.deny) {
			return false
		}
	}
	return true
}

// eachKey calls add for the condition keys and variables that the statement
// looks at.
func (s *statement) eachKey(add func(key string)) {
	for _, r := range s.resources {
		r.keys(add)
	}
	for i := range s.conditions {
		s.conditions[i].eachKey(add)
	}
}
