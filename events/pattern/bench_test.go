package pattern_test

import (
	"fmt"
	"testing"

	"larder/events/pattern"
)

const published = `{"version":"0","id":"7f1b5c5e-0a3e-4c5c-9d55-2a9c1f3f8a01","detail-type":"CodeArtifact Package Version State Change","source":"aws.codeartifact",` +
	`"account":"111122223333","time":"2026-03-04T04:06:07Z","region":"eu-west-1","resources":["arn:aws:codeartifact:eu-west-1:111122223333:package/local/main/npm/scope/package-17"],` +
	`"detail":{"domainName":"local","domainOwner":"111122223333","repositoryName":"main","repositoryAdministrator":"444455556666","packageFormat":"npm","packageNamespace":"scope",` +
	`"packageName":"package-17","packageVersion":"1.0.0","packageVersionState":"Published","packageVersionRevision":"Cw4kGT1gUHqF5Vt4Qx0zvW8mC2M=",` +
	`"changes":{"assetsAdded":1,"assetsRemoved":0,"assetsUpdated":0,"metadataUpdated":true,"statusChanged":true},"operationType":"Created","sequenceNumber":1,"eventDeduplicationId":"x"}}`

// BenchmarkMatch asks 10,000 patterns about one event, which is read each
// time: one operation is one event. On one core, 1,000 a second are wanted.
func BenchmarkMatch(b *testing.B) {
	for name, text := range map[string]string{
		"a name each":     `{"source":["aws.codeartifact"],"detail":{"packageName":["package-%d"],"operationType":["Created"]}}`,
		"a prefix each":   `{"source":["aws.codeartifact"],"detail":{"packageName":[{"prefix":"package-%d-"}]}}`,
		"a wildcard each": `{"source":["aws.codeartifact"],"detail":{"packageName":[{"wildcard":"*-%d-*"}]}}`,
		"an or each":      `{"source":["aws.codeartifact"],"detail":{"$or":[{"packageName":["package-%d"]},{"repositoryName":["r-%[1]d"]}]}}`,
		"a number each":   `{"source":["aws.codeartifact"],"detail":{"sequenceNumber":[{"numeric":[">",%d.5]}]}}`,
		"all match":       `{"source":["aws.codeartifact"],"detail":{"packageName":[{"prefix":"package-"},"%d"]}}`,
	} {
		b.Run(name, func(b *testing.B) {
			patterns := make([]*pattern.Pattern, 10_000)
			for i := range patterns {
				patterns[i] = compile(b, fmt.Sprintf(text, i))
			}
			set := pattern.NewSet(patterns)
			matched := 0
			b.ResetTimer()
			for b.Loop() {
				e, err := pattern.ParseEvent([]byte(published))
				if err != nil {
					b.Fatal(err)
				}
				matched = len(set.Match(e))
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
			b.ReportMetric(float64(matched), "matches")
		})
	}
}
