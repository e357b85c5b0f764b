package iam

import (
	"net/http"
	"regexp"
	"strings"
	"time"

	"larder/policy"
	"larder/registry"
)

// Limits of sessions (STS API Reference).
const (
	shortestSession   = 15 * time.Minute
	longestToken      = 36 * time.Hour
	defaultToken      = 12 * time.Hour
	chained           = time.Hour // a session that assumes a role
	maxSessionPolicy  = 2048      // characters
	maxSessionManaged = 10
)

var sessionName = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)

func (c *call) getCallerIdentity() (any, error) {
	answer := struct{ Arn, UserId, Account string }{Arn: c.actor.Principal, Account: c.actor.Account}
	s := c.actor.Session
	switch {
	case strings.HasSuffix(c.actor.Principal, ":root"):
		answer.UserId = c.actor.Account
	case s != nil && s.Role != "":
		answer.UserId = s.RoleID + ":" + s.Name
	default:
		err := c.view(func(tx registry.Tx) error {
			u, err := tx.User(c.actor.Account, lastPart(c.actor.Principal))
			answer.UserId = u.ID
			return err
		})
		return answer, err
	}
	return answer, nil
}

type credentials struct {
	AccessKeyId     string
	SecretAccessKey string
	SessionToken    string
	Expiration      isoTime
}

func resultOf(t policy.Temporary) credentials {
	return credentials{t.ID, t.Secret, t.Token, isoTime(t.Expires)}
}

// life reads the member DurationSeconds.
func (c *call) life(otherwise, least, most time.Duration) time.Duration {
	seconds := c.form.Int("DurationSeconds", int(otherwise/time.Second))
	d := time.Duration(seconds) * time.Second
	if d < least || d > most {
		c.form.Fail(invalid("DurationSeconds is %d; it must be from %.0f to %.0f", seconds, least.Seconds(), most.Seconds()))
	}
	return d
}

func (c *call) getSessionToken() (any, error) {
	life := c.life(defaultToken, shortestSession, longestToken)
	if err := c.form.Err(); err != nil {
		return nil, err
	}
	if c.actor.Session != nil {
		return nil, registry.Errorf(registry.Denied, "Cannot call GetSessionToken with session credentials")
	}
	actor := c.actor
	err := c.view(func(tx registry.Tx) error {
		u, err := tx.User(actor.Account, lastPart(actor.Principal))
		actor.Session = &registry.Session{RoleID: u.ID}
		return err
	})
	if err != nil {
		return nil, err
	}
	t, err := c.Credentials.IssueSession(actor, life)
	return struct{ Credentials credentials }{resultOf(t)}, err
}

// sessionInput are the members that both ways to assume a role have.
type sessionInput struct {
	roleARN, account, role string
	session                *registry.Session
}

func (c *call) sessionInput() sessionInput {
	in := sessionInput{roleARN: c.form.Required("RoleArn"), session: &registry.Session{Name: c.form.Required("RoleSessionName")}}
	if !sessionName.MatchString(in.session.Name) {
		c.form.Fail(invalid("RoleSessionName is %q; it must have 2 to 64 letters, digits and characters of _+=,.@-", clip(in.session.Name)))
	}
	f := strings.SplitN(in.roleARN, ":", 6)
	if len(f) != 6 || f[0] != "arn" || f[2] != "iam" || !policy.ValidAccountID(f[4]) || !strings.HasPrefix(f[5], "role/") {
		c.form.Fail(invalid("RoleArn is %q; it must be the ARN of a role", clip(in.roleARN)))
		return in
	}
	in.account, in.role = f[4], lastPart(in.roleARN)
	if document := c.form.String("Policy"); document != "" {
		if len([]rune(document)) > maxSessionPolicy {
			c.form.Fail(exception("PackedPolicyTooLarge", http.StatusBadRequest, "The session policy has more than %d characters.", maxSessionPolicy))
		} else if err := malformed(policy.Check(policy.Identity, document)); err != nil {
			c.form.Fail(err)
		}
		in.session.Policies = []string{document}
	}
	for _, f := range c.form.Structs("PolicyArns") {
		in.session.Managed = append(in.session.Managed, f.Required("arn"))
	}
	if len(in.session.Managed) > maxSessionManaged {
		c.form.Fail(invalid("PolicyArns has more than %d members", maxSessionManaged))
	}
	return in
}

// readRole gives the role and holds the session's managed policies to what its
// account may use. A role that is not there gives no error here: who may not
// assume it learns nothing.
func (c *call) readRole(in sessionInput) (role registry.Role, err error) {
	err = c.view(func(tx registry.Tx) error {
		var err error
		role, err = tx.Role(in.account, in.role)
		if registry.IsNotFound(err) || err == nil && role.ARN() != in.roleARN {
			role, err = registry.Role{}, nil
			return nil
		}
		if err != nil {
			return err
		}
		account, err := tx.Account(in.account)
		if err == nil && account.Closed {
			role = registry.Role{}
		}
		return err
	})
	return role, err
}

// checkManaged refuses managed session policies that are not there.
func (c *call) checkManaged(account string, s *registry.Session) error {
	if len(s.Managed) == 0 {
		return nil
	}
	of := *c
	of.actor = registry.Actor{Account: account}
	return c.view(func(tx registry.Tx) error {
		for _, arn := range s.Managed {
			if _, err := of.policyWithARN(tx, arn); err != nil {
				if registry.IsNotFound(err) {
					return invalid("policy %s does not exist in the role's account", clip(arn))
				}
				return err
			}
		}
		return nil
	})
}

func deniedAssume(c *call, action, arn string) error {
	return registry.Errorf(registry.Denied, "User: %s is not authorized to perform: %s on resource: %s", c.actor.Principal, action, clip(arn))
}

func (c *call) assumeRole() (any, error) {
	in := c.sessionInput()
	in.session.SourceIdentity = c.form.String("SourceIdentity")
	in.session.Tags = c.tags()
	external := c.form.String("ExternalId")
	if err := c.form.Err(); err != nil {
		return nil, err
	}
	if strings.HasSuffix(c.actor.Principal, ":root") {
		return nil, registry.Errorf(registry.Denied, "Roles may not be assumed by root accounts.")
	}
	role, err := c.readRole(in)
	if err != nil {
		return nil, err
	}
	if role.Name == "" {
		return nil, deniedAssume(c, "sts:AssumeRole", in.roleARN)
	}
	keys := requestTags(in.session.Tags)
	keys["sts:RoleSessionName"] = in.session.Name
	if external != "" {
		keys["sts:ExternalId"] = external
	}
	// What a caller has said of itself stays with it along a chain of roles.
	if own := c.actor.Session; own != nil && own.SourceIdentity != "" {
		if s := in.session.SourceIdentity; s != "" && s != own.SourceIdentity {
			return nil, invalid("SourceIdentity cannot be changed along a chain of roles")
		}
		in.session.SourceIdentity = own.SourceIdentity
	}
	if in.session.SourceIdentity != "" {
		keys["sts:SourceIdentity"] = in.session.SourceIdentity
	}
	for _, action := range c.assumeActions(in.session) {
		err := c.Policies.AuthorizeAssume(c.ctx, policy.Call{Actor: c.actor, Action: registry.Action(action), Context: keys, Time: c.now}, role)
		if err != nil {
			return nil, err
		}
	}
	most := role.MaxSession
	if c.actor.Session != nil && c.actor.Session.Role != "" {
		most = chained
	}
	return c.issue(role, in, most, nil)
}

// assumeActions are what the trust policy has to allow.
func (c *call) assumeActions(s *registry.Session) []string {
	actions := []string{"sts:AssumeRole"}
	if len(s.Tags) > 0 {
		actions = append(actions, "sts:TagSession")
	}
	if c.form.String("SourceIdentity") != "" {
		actions = append(actions, "sts:SetSourceIdentity")
	}
	return actions
}

type assumed struct {
	SubjectFromWebIdentityToken string `xml:",omitempty"`
	Audience                    string `xml:",omitempty"`
	Provider                    string `xml:",omitempty"`
	AssumedRoleUser             struct{ AssumedRoleId, Arn string }
	Credentials                 credentials
	PackedPolicySize            int    `xml:",omitempty"`
	SourceIdentity              string `xml:",omitempty"`
}

// issue makes the credentials of a role's session.
func (c *call) issue(role registry.Role, in sessionInput, most time.Duration, web *policy.WebCaller) (any, error) {
	life := c.life(min(defaultSession, most), shortestSession, most)
	if err := c.form.Err(); err != nil {
		return nil, err
	}
	if err := checkTags(in.session.Tags); err != nil {
		return nil, err
	}
	if err := c.checkManaged(role.Account, in.session); err != nil {
		return nil, err
	}
	in.session.Role, in.session.RoleID = role.ARN(), role.ID
	principal := "arn:aws:sts::" + role.Account + ":assumed-role/" + role.Name + "/" + in.session.Name
	t, err := c.Credentials.IssueSession(registry.Actor{Account: role.Account, Principal: principal, Session: in.session}, life)
	if err != nil {
		return nil, err
	}
	answer := assumed{Credentials: resultOf(t), SourceIdentity: in.session.SourceIdentity}
	answer.AssumedRoleUser.AssumedRoleId, answer.AssumedRoleUser.Arn = role.ID+":"+in.session.Name, principal
	if len(in.session.Policies) > 0 {
		answer.PackedPolicySize = len(in.session.Policies[0]) * 100 / maxSessionPolicy
	}
	if web != nil {
		answer.SubjectFromWebIdentityToken, answer.Audience, answer.Provider = web.Subject, web.Audience, web.Provider.ARN()
	}
	return answer, nil
}

// assumeRoleWithWebIdentity lets the holder of a provider's token, such as a
// job of a CI system, assume a role whose trust policy names the provider.
func (c *call) assumeRoleWithWebIdentity() (any, error) {
	in := c.sessionInput()
	token := c.form.Required("WebIdentityToken")
	if err := c.form.Err(); err != nil {
		return nil, err
	}
	issuer, err := c.WebIdentities.Issuer(token)
	if err != nil {
		return nil, err
	}
	var provider registry.Provider
	err = c.view(func(tx registry.Tx) (err error) {
		provider, err = tx.Provider(in.account, issuer)
		return err
	})
	if registry.IsNotFound(err) {
		return nil, exception("InvalidIdentityToken", http.StatusBadRequest, "No OpenIDConnect provider found in your account for https://%s", clip(issuer))
	}
	if err != nil {
		return nil, err
	}
	web, err := c.WebIdentities.Verify(c.ctx, token, provider)
	if err != nil {
		return nil, err
	}
	c.subject = web.Subject
	role, err := c.readRole(in)
	if err != nil {
		return nil, err
	}
	if role.Name == "" {
		return nil, registry.Errorf(registry.Denied, "Not authorized to perform sts:AssumeRoleWithWebIdentity")
	}
	err = c.Policies.AuthorizeWebIdentity(c.ctx, policy.Call{
		Actor: c.actor, Action: "sts:AssumeRoleWithWebIdentity", Context: map[string]string{"sts:RoleSessionName": in.session.Name}, Time: c.now,
	}, web, role)
	if err != nil {
		return nil, err
	}
	in.session.Provider, in.session.Subject = provider.ARN(), web.Subject
	return c.issue(role, in, role.MaxSession, &web)
}
