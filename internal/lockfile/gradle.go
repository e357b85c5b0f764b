package lockfile

import (
	"bytes"
	"fmt"
	"strings"
)

// parseGradle reads a gradle.lockfile or buildscript-gradle.lockfile: a line
// "group:artifact:version=configurations" for each module, and what stands
// after "empty=" has none (Gradle User Manual, "Locking Versions"). The files
// of Gradle before 6.4, one for each configuration, have no "=".
func parseGradle(data []byte) ([]Entry, error) {
	var all []Entry
	n := 0
	for line := range bytes.Lines(data) {
		n++
		text := strings.TrimSpace(string(line))
		if text == "" || strings.HasPrefix(text, "#") || strings.HasPrefix(text, "empty=") {
			continue
		}
		module, _, _ := strings.Cut(text, "=")
		parts := strings.Split(module, ":")
		if len(parts) != 3 {
			return nil, fmt.Errorf("line %d: %q is not GROUP:ARTIFACT:VERSION", n, short(module))
		}
		e, err := mavenEntry(parts[0], parts[1], parts[2])
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		all = append(all, e)
	}
	return all, nil
}
