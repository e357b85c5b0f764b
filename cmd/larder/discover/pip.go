package discover

import (
	"context"
	"strings"
)

// pipScript lets pip itself read its settings, in its own order of files,
// environment and built-in default, and prints what it would install from,
// then its default. The names exist from pip 19.3 on.
const pipScript = `
from pip._internal.commands import create_command
from pip._internal.models.index import PyPI
print(create_command("install").parse_args([])[0].index_url)
print(PyPI.simple_url)
`

// askPip asks the pip of python3, or else of python.
func askPip(ctx context.Context, m Machine) (Answer, error) {
	err := errNothing
	for _, name := range []string{"python3", "python"} {
		python, errP := m.LookPath(name)
		if errP != nil {
			continue
		}
		var out []byte
		if out, err = m.Run(ctx, python, "-c", pipScript); err != nil {
			continue
		}
		all := strings.Fields(string(out))
		if len(all) < 2 {
			err = errNothing
			continue
		}
		a := Answer{Connection: "public:pypi", URL: all[len(all)-2], Source: "pip config"}
		if a.URL == all[len(all)-1] {
			a.Source = "pip default"
		}
		return a, nil
	}
	return Answer{}, err
}
