package discover

import "context"

// askNPM asks npm, which answers its built-in default where nobody set one.
func askNPM(ctx context.Context, m Machine) (Answer, error) {
	npm, err := m.LookPath("npm")
	if err != nil {
		return Answer{}, errNothing
	}
	out, err := m.Run(ctx, npm, "config", "get", "registry", "--no-update-notifier")
	if err != nil {
		return Answer{}, err
	}
	return Answer{Connection: "public:npmjs", URL: lastLine(out), Source: "npm config"}, nil
}
