package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/spf13/cobra"
)

func newPolicyExplainCommand() *cobra.Command {
	var (
		principal string
		actions   []string
		resources []string
		given     []string
	)
	cmd := &cobra.Command{
		Use:   "explain",
		Short: "Say whether somebody may do something, and which statement decides",
		Long: `Say whether a user or role of your account may do something, and which statement
of which policy decides. PRINCIPAL is user/NAME, role/NAME or an ARN. The resource is
an ARN, or as much of it as follows the account: repository/DOMAIN/NAME or
package/DOMAIN/REPOSITORY/FORMAT/NAMESPACE/NAME of your own account.

Exit status 0 says that all of it is allowed, 4 that it is not.`,
		Example: `  larder policy explain --principal user/ada --action codeartifact:ReadFromRepository --resource repository/local/main
  larder policy explain --principal role/release --action codeartifact:PublishPackageVersion --resource package/local/main/npm/acme/app --output json`,
		Args: cobra.NoArgs,
	}
	f := cmd.Flags()
	f.StringVar(&principal, "principal", "", "`who` asks: user/NAME, role/NAME or an ARN")
	f.StringArrayVar(&actions, "action", nil, "what is `done`, such as codeartifact:ReadFromRepository; repeatable")
	f.StringArrayVar(&resources, "resource", nil, "`ARN` to which, or its last part; repeatable")
	f.StringArrayVar(&given, "context", nil, "condition `KEY=VALUE` of the request, such as aws:SourceIp=203.0.113.7; repeatable")
	for _, name := range []string{"principal", "action"} {
		_ = cmd.MarkFlagRequired(name)
	}
	for _, name := range []string{"principal", "action", "resource", "context"} {
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.NoFileCompletions)
	}
	return apiCommand(cmd, long, func(ctx context.Context, s *session, _ []string) error {
		in, err := s.simulation(ctx, principal, actions, resources, given)
		if err != nil {
			return err
		}
		out, err := collect(ctx, iam.NewSimulatePrincipalPolicyPaginator(s.iam(), in),
			func(o *iam.SimulatePrincipalPolicyOutput) *[]types.EvaluationResult { return &o.EvaluationResults })
		if err != nil {
			return err
		}
		refused := 0
		for _, r := range out.EvaluationResults {
			if r.EvalDecision != types.PolicyEvaluationDecisionTypeAllowed {
				refused++
			}
		}
		if err := s.answer(out, func(w io.Writer) error {
			for _, r := range out.EvaluationResults {
				if _, err := fmt.Fprintln(w, printable(explained(r))); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
		if refused > 0 {
			return &apiFailure{code: "AccessDenied", text: fmt.Sprintf("%d of %s", refused, count(len(out.EvaluationResults), "request is not allowed", "requests are not allowed"))}
		}
		return nil
	})
}

// simulation is the question as the API takes it.
func (s *session) simulation(ctx context.Context, principal string, actions, resources, given []string) (*iam.SimulatePrincipalPolicyInput, error) {
	who, err := s.principalARN(ctx, principal)
	if err != nil {
		return nil, err
	}
	in := &iam.SimulatePrincipalPolicyInput{PolicySourceArn: &who, ActionNames: actions}
	for _, r := range resources {
		if !strings.HasPrefix(r, "arn:") && r != "*" {
			account, err := s.myAccount(ctx)
			if err != nil {
				return nil, err
			}
			r = "arn:aws:codeartifact:" + s.Region + ":" + account + ":" + r
		}
		in.ResourceArns = append(in.ResourceArns, r)
	}
	for _, pair := range given {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return nil, usagef("--context: %q does not read KEY=VALUE", pair)
		}
		in.ContextEntries = append(in.ContextEntries, types.ContextEntry{
			ContextKeyName: &key, ContextKeyType: types.ContextKeyTypeEnumString, ContextKeyValues: []string{value},
		})
	}
	return in, nil
}

// explained puts one decision into a sentence.
func explained(r types.EvaluationResult) string {
	what := aws.ToString(r.EvalActionName)
	if arn := aws.ToString(r.EvalResourceName); arn != "*" && arn != "" {
		what += " on " + arn
	}
	var by []string
	for _, m := range r.MatchedStatements {
		by = append(by, aws.ToString(m.SourcePolicyId))
	}
	switch {
	case r.EvalDecision == types.PolicyEvaluationDecisionTypeAllowed:
		return "allowed: " + what + "\n  by " + strings.Join(by, "\n  and ")
	case r.EvalDecision == types.PolicyEvaluationDecisionTypeExplicitDeny:
		return "denied: " + what + "\n  by " + strings.Join(by, "\n  and ")
	}
	missing := "policy"
	for _, kind := range slices.Sorted(maps.Keys(r.EvalDecisionDetails)) {
		if r.EvalDecisionDetails[kind] == types.PolicyEvaluationDecisionTypeImplicitDeny {
			missing = kind
		}
	}
	return "not allowed: " + what + "\n  no " + missing + " allows it"
}
