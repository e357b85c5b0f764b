package iam

import "larder/policy"

// Operations are the names of all operations of the query protocol, by service.
func Operations() map[string]string {
	all := map[string]string{}
	for name, op := range queryOperations {
		all[name] = op.service
	}
	return all
}

// OrganizationOperations are those of Organizations.
func OrganizationOperations() (names []string) {
	for name := range jsonOperations {
		names = append(names, name)
	}
	return names
}

var KnownAction = policy.KnownAction
