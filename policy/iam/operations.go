package iam

// queryOperations are the operations of the query protocol: IAM (API version
// 2010-05-08) and STS (2011-06-15).
var queryOperations map[string]queryOperation

func init() { // the operations refer to the table that refers to them
	iam := func(serve func(*call) (any, error)) queryOperation {
		return queryOperation{service: "iam", serve: serve}
	}
	sts := func(serve func(*call) (any, error)) queryOperation {
		return queryOperation{service: "sts", serve: serve}
	}
	web := sts((*call).assumeRoleWithWebIdentity)
	web.unsigned, web.secret = true, []string{"WebIdentityToken"}
	queryOperations = map[string]queryOperation{
		"CreateUser":                    iam((*call).createUser),
		"GetUser":                       iam((*call).getUser),
		"ListUsers":                     iam((*call).listUsers),
		"DeleteUser":                    iam((*call).deleteUser),
		"TagUser":                       iam((*call).tagUser),
		"UntagUser":                     iam((*call).untagUser),
		"ListUserTags":                  iam((*call).listUserTags),
		"PutUserPermissionsBoundary":    iam((*call).putUserBoundary),
		"DeleteUserPermissionsBoundary": iam((*call).deleteUserBoundary),
		"ListGroupsForUser":             iam((*call).listGroupsForUser),

		"CreateAccessKey":      iam((*call).createAccessKey),
		"ListAccessKeys":       iam((*call).listAccessKeys),
		"UpdateAccessKey":      iam((*call).updateAccessKey),
		"DeleteAccessKey":      iam((*call).deleteAccessKey),
		"GetAccessKeyLastUsed": iam((*call).getAccessKeyLastUsed),

		"CreateRole":                    iam((*call).createRole),
		"GetRole":                       iam((*call).getRole),
		"ListRoles":                     iam((*call).listRoles),
		"UpdateRole":                    iam((*call).updateRole),
		"UpdateRoleDescription":         iam((*call).updateRoleDescription),
		"UpdateAssumeRolePolicy":        iam((*call).updateAssumeRolePolicy),
		"DeleteRole":                    iam((*call).deleteRole),
		"TagRole":                       iam((*call).tagRole),
		"UntagRole":                     iam((*call).untagRole),
		"ListRoleTags":                  iam((*call).listRoleTags),
		"PutRolePermissionsBoundary":    iam((*call).putRoleBoundary),
		"DeleteRolePermissionsBoundary": iam((*call).deleteRoleBoundary),
		"ListInstanceProfilesForRole":   iam((*call).listInstanceProfilesForRole),

		"PutUserPolicy":    iam((*call).putUserPolicy),
		"GetUserPolicy":    iam((*call).getUserPolicy),
		"ListUserPolicies": iam((*call).listUserPolicies),
		"DeleteUserPolicy": iam((*call).deleteUserPolicy),
		"PutRolePolicy":    iam((*call).putRolePolicy),
		"GetRolePolicy":    iam((*call).getRolePolicy),
		"ListRolePolicies": iam((*call).listRolePolicies),
		"DeleteRolePolicy": iam((*call).deleteRolePolicy),

		"CreatePolicy":             iam((*call).createPolicy),
		"GetPolicy":                iam((*call).getPolicy),
		"ListPolicies":             iam((*call).listPolicies),
		"DeletePolicy":             iam((*call).deletePolicy),
		"CreatePolicyVersion":      iam((*call).createPolicyVersion),
		"GetPolicyVersion":         iam((*call).getPolicyVersion),
		"ListPolicyVersions":       iam((*call).listPolicyVersions),
		"DeletePolicyVersion":      iam((*call).deletePolicyVersion),
		"SetDefaultPolicyVersion":  iam((*call).setDefaultPolicyVersion),
		"TagPolicy":                iam((*call).tagPolicy),
		"UntagPolicy":              iam((*call).untagPolicy),
		"ListPolicyTags":           iam((*call).listPolicyTags),
		"ListEntitiesForPolicy":    iam((*call).listEntitiesForPolicy),
		"AttachUserPolicy":         iam((*call).attachUserPolicy),
		"DetachUserPolicy":         iam((*call).detachUserPolicy),
		"ListAttachedUserPolicies": iam((*call).listAttachedUserPolicies),
		"AttachRolePolicy":         iam((*call).attachRolePolicy),
		"DetachRolePolicy":         iam((*call).detachRolePolicy),
		"ListAttachedRolePolicies": iam((*call).listAttachedRolePolicies),
		"SimulatePrincipalPolicy":  iam((*call).simulatePrincipalPolicy),
		"SimulateCustomPolicy":     iam((*call).simulateCustomPolicy),

		"CreateOpenIDConnectProvider":             iam((*call).createProvider),
		"GetOpenIDConnectProvider":                iam((*call).getProvider),
		"ListOpenIDConnectProviders":              iam((*call).listProviders),
		"DeleteOpenIDConnectProvider":             iam((*call).deleteProvider),
		"AddClientIDToOpenIDConnectProvider":      iam((*call).addClient),
		"RemoveClientIDFromOpenIDConnectProvider": iam((*call).removeClient),
		"UpdateOpenIDConnectProviderThumbprint":   iam((*call).updateThumbprint),
		"TagOpenIDConnectProvider":                iam((*call).tagProvider),
		"UntagOpenIDConnectProvider":              iam((*call).untagProvider),
		"ListOpenIDConnectProviderTags":           iam((*call).listProviderTags),

		"GetCallerIdentity":         sts((*call).getCallerIdentity),
		"AssumeRole":                sts((*call).assumeRole),
		"AssumeRoot":                sts((*call).assumeRoot),
		"GetSessionToken":           sts((*call).getSessionToken),
		"AssumeRoleWithWebIdentity": web,
	}
}
