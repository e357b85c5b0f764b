// Package iam answers the calls of AWS Identity and Access Management, of the
// Security Token Service and of Organizations that keep accounts, users, roles
// and policies, on POST / of the server: IAM and STS in the AWS query
// protocol, Organizations in AWS JSON 1.1. What a policy means is decided by
// package policy; credentials are made by what Config names.
//
// Start reading at server.go; each noun has a file.
package iam
