package login

// npm 6 to 11: registry and token in the user's .npmrc. npm sends the token
// only under the URL that its key names.
var npm = Tool{Name: "npm", Format: "npm", Try: "npm install", plan: func(m Machine, to Target) (*Plan, error) {
	return planNpmrc(m, to)
}}
