package login

// pnpm reads registries and tokens from the user's .npmrc, whatever else of
// its settings has moved to files of its own (since pnpm 11).
var pnpm = Tool{Name: "pnpm", Format: "npm", Try: "pnpm install", plan: func(m Machine, to Target) (*Plan, error) {
	return planNpmrc(m, to)
}}
