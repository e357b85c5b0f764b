package iam

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/mail"
	"net/url"
	"strings"
	"unicode/utf8"

	"larder/internal/awswire"
	"larder/internal/httpx"
	"larder/policy"
	"larder/registry"
)

// jsonOperations are the operations of Organizations (API version 2016-11-28).
var jsonOperations = map[string]func(*call) (any, error){
	"CreateAccount":               (*call).createAccount,
	"DescribeCreateAccountStatus": (*call).describeCreateAccountStatus,
	"ListAccounts":                (*call).listAccounts,
	"DescribeAccount":             (*call).describeAccount,
	"CloseAccount":                (*call).closeAccount,
	"DescribeOrganization":        (*call).describeOrganization,
}

func (s *server) serveJSON(w http.ResponseWriter, r *http.Request) error {
	awswire.SetRequestID(w)
	service, operation, _ := awswire.Target(r)
	serve, ok := jsonOperations[operation]
	ok = ok && service == orgTarget
	if ok {
		httpx.RecordOf(r.Context()).Op = operation
	}
	body, err := awswire.ReadBody(r)
	if err != nil {
		return err
	}
	actor, err := s.signed(r, "organizations", body)
	if err != nil {
		if ok {
			s.Observe(r.Context(), Observation{Service: "organizations", Operation: operation, Err: err})
		}
		return err
	}
	if !ok {
		return awswire.Unknown("There is no operation %s.", clip(r.Header.Get("X-Amz-Target")))
	}
	c := &call{server: s, ctx: r.Context(), operation: operation, actor: actor, body: body, now: s.Clock()}
	answer, err := serve(c)
	s.Observe(c.ctx, Observation{"organizations", operation, actor, "", jsonParameters(body), err})
	if err != nil {
		return err
	}
	return awswire.WriteJSON11(w, answer)
}

// jsonParameters gives the members of a request that are strings.
func jsonParameters(body []byte) map[string]string {
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil {
		return nil
	}
	all := map[string]string{}
	for name, raw := range members {
		var text string
		if json.Unmarshal(raw, &text) == nil {
			all[name] = text
		}
	}
	return all
}

// manage authorizes an operation that only the first account has.
func (c *call) manage(arn string) error {
	if c.actor.Account != FirstAccount {
		return registry.Errorf(registry.Denied, "You don't have permissions to access this resource.")
	}
	return c.Policies.AuthorizeCall(c.ctx, policy.Call{
		Actor: c.actor, Action: registry.Action("organizations:" + c.operation), ARN: arn, Account: FirstAccount, Time: c.now,
	})
}

func (c *call) organization() string { return c.Policies.Organization }

func (c *call) accountARN(id string) string {
	return "arn:aws:organizations::" + FirstAccount + ":account/" + c.organization() + "/" + id
}

type accountResult struct {
	Id              string
	Arn             string
	Email           string
	Name            string
	Status          string
	State           string
	JoinedMethod    string
	JoinedTimestamp awswire.Epoch
}

func (c *call) resultOfAccount(a registry.Account) accountResult {
	r := accountResult{a.ID, c.accountARN(a.ID), a.Email, a.Name, "ACTIVE", "ACTIVE", "CREATED", awswire.Epoch(a.Created)}
	if a.ID == FirstAccount {
		r.JoinedMethod = "INVITED"
	}
	if a.Closed {
		r.Status, r.State = "SUSPENDED", "CLOSED"
	}
	return r
}

type createStatus struct {
	Id                 string
	AccountName        string
	State              string
	RequestedTimestamp awswire.Epoch
	CompletedTimestamp awswire.Epoch
	AccountId          string `json:",omitempty"`
	FailureReason      string `json:",omitempty"`
}

// The ids of requests say what became of them: "car-" and the account's id and
// 8 characters more, or failedPrefix and others. Nothing else is kept of them.
const (
	requestPrefix = "car-"
	failedPrefix  = "car-failed"
)

const organizationRole = "OrganizationAccountAccessRole"

// createAccount makes an account with a role that the first account may
// assume. It is done when the call is answered, yet the answer is what tools
// that wait for it expect.
func (c *call) createAccount() (any, error) {
	var in struct {
		AccountName, Email, RoleName string
		Tags                         []tag
	}
	if err := c.manageWith(&in, "*"); err != nil {
		return nil, err
	}
	if n := utf8.RuneCountInString(in.AccountName); n < 1 || n > 50 {
		return nil, orgInvalid("AccountName must have 1 to 50 characters")
	}
	if address, err := mail.ParseAddress(in.Email); err != nil || address.Address != in.Email || len(in.Email) > 64 {
		return nil, orgInvalid("Email must be an e-mail address of at most 64 characters")
	}
	if in.RoleName == "" {
		in.RoleName = organizationRole
	}
	if err := checkName("RoleName", in.RoleName, maxHolderName); err != nil {
		return nil, orgInvalid("%s", registry.MessageOf(err))
	}
	status := createStatus{AccountName: in.AccountName, State: "SUCCEEDED"}
	err := c.update(func(tx registry.Tx) error {
		status.RequestedTimestamp, status.CompletedTimestamp = awswire.Epoch(tx.Now()), awswire.Epoch(tx.Now())
		all, _, err := tx.Accounts(registry.Page{})
		if err != nil {
			return err
		}
		for _, a := range all {
			if strings.EqualFold(a.Email, in.Email) {
				status.Id, status.State, status.FailureReason = failedPrefix+random(12), "FAILED", "EMAIL_ALREADY_EXISTS"
				return nil
			}
		}
		status.AccountId, err = newAccount(tx, in.AccountName, in.Email, in.RoleName)
		status.Id = requestPrefix + status.AccountId + random(8)
		return err
	})
	return struct{ CreateAccountStatus createStatus }{status}, err
}

// newAccount makes an account with its role and gives its id.
func newAccount(tx registry.Tx, name, email, role string) (string, error) {
	for {
		id := digits(12)
		err := tx.CreateAccount(registry.Account{ID: id, Name: name, Email: email, Created: tx.Now()})
		if registry.CodeOf(err) == registry.Conflict {
			continue
		}
		if err != nil {
			return "", err
		}
		trust, err := json.Marshal(map[string]any{
			"Version": "2012-10-17",
			"Statement": []any{map[string]any{
				"Effect": "Allow", "Principal": map[string]string{"AWS": "arn:aws:iam::" + FirstAccount + ":root"}, "Action": "sts:AssumeRole",
			}},
		})
		if err != nil {
			return "", err
		}
		return id, tx.CreateRole(registry.Role{
			Account: id, Name: role, ID: uniqueID("AROA"), Trust: string(trust), MaxSession: longestSession, Created: tx.Now(),
			Permissions: registry.Permissions{Managed: []string{policy.AdministratorAccess}},
		})
	}
}

// digits gives n random digits, of which the first is not zero.
func digits(n int) string {
	b := make([]byte, 0, n)
	var random [64]byte
	for len(b) < n {
		rand.Read(random[:])
		for _, r := range random {
			if r < 250 && len(b) < n && (len(b) > 0 || r%10 != 0) {
				b = append(b, '0'+r%10)
			}
		}
	}
	return string(b)
}

func random(n int) string { return strings.ToLower(rand.Text()[:n]) }

func orgInvalid(format string, args ...any) error {
	return exception("InvalidInputException", http.StatusBadRequest, format, args...)
}

// manageWith reads the request into a struct and authorizes the operation on
// an ARN.
func (c *call) manageWith(in any, arn string) error {
	if err := awswire.DecodeJSON(c.body, in); err != nil {
		return orgInvalid("%s", registry.MessageOf(err))
	}
	return c.manage(arn)
}

func (c *call) describeCreateAccountStatus() (any, error) {
	var in struct{ CreateAccountRequestId string }
	if err := c.manageWith(&in, "*"); err != nil {
		return nil, err
	}
	id := in.CreateAccountRequestId
	missing := exception("CreateAccountStatusNotFoundException", http.StatusBadRequest, "We can't find a create account request with the id that you specified.")
	if strings.HasPrefix(id, failedPrefix) {
		return struct{ CreateAccountStatus createStatus }{createStatus{Id: id, State: "FAILED", FailureReason: "EMAIL_ALREADY_EXISTS"}}, nil
	}
	rest, ok := strings.CutPrefix(id, requestPrefix)
	if !ok || len(rest) != 20 || rest[:12] == FirstAccount {
		return nil, missing
	}
	account, err := c.account(rest[:12])
	if registry.CodeOf(err) == registry.Invalid {
		return nil, missing
	}
	at := awswire.Epoch(account.Created)
	return struct{ CreateAccountStatus createStatus }{createStatus{
		Id: id, AccountName: account.Name, State: "SUCCEEDED", RequestedTimestamp: at, CompletedTimestamp: at, AccountId: account.ID,
	}}, err
}

func (c *call) account(id string) (a registry.Account, err error) {
	err = c.view(func(tx registry.Tx) (err error) {
		a, err = tx.Account(id)
		return err
	})
	if registry.IsNotFound(err) {
		err = exception("AccountNotFoundException", http.StatusBadRequest, "You specified an account that doesn't exist.")
	}
	return a, err
}

func (c *call) listAccounts() (any, error) {
	var in struct {
		NextToken  string
		MaxResults *int
	}
	if err := c.manageWith(&in, "*"); err != nil {
		return nil, err
	}
	scope := awswire.ScopeOfPages(c.operation, c.actor.Account, url.Values{})
	after, err := scope.Cursor(in.NextToken)
	if err != nil {
		return nil, orgInvalid("%s", registry.MessageOf(err))
	}
	limit := 20
	if in.MaxResults != nil {
		limit = *in.MaxResults
	}
	if limit < 1 || limit > 20 {
		return nil, orgInvalid("MaxResults is %d; it must be from 1 to 20", limit)
	}
	answer := struct {
		Accounts  []accountResult
		NextToken string `json:",omitempty"`
	}{Accounts: []accountResult{}}
	return &answer, c.view(func(tx registry.Tx) error {
		all, next, err := tx.Accounts(registry.Page{After: after, Limit: limit})
		for _, a := range all {
			answer.Accounts = append(answer.Accounts, c.resultOfAccount(a))
		}
		answer.NextToken = scope.Token(next)
		return err
	})
}

func (c *call) describeAccount() (any, error) {
	id, err := c.accountID()
	if err != nil {
		return nil, err
	}
	a, err := c.account(id)
	return struct{ Account accountResult }{c.resultOfAccount(a)}, err
}

// accountID reads the member AccountId and authorizes the operation on it.
func (c *call) accountID() (string, error) {
	var in struct{ AccountId string }
	if err := awswire.DecodeJSON(c.body, &in); err != nil {
		return "", orgInvalid("%s", registry.MessageOf(err))
	}
	if !policy.ValidAccountID(in.AccountId) {
		return "", orgInvalid("AccountId must have 12 digits")
	}
	return in.AccountId, c.manage(c.accountARN(in.AccountId))
}

// closeAccount refuses the account's credentials from now on. What it owns
// stays and is served to others as before.
func (c *call) closeAccount() (any, error) {
	id, err := c.accountID()
	if err != nil {
		return nil, err
	}
	if id == FirstAccount {
		return nil, exception("ConstraintViolationException", http.StatusBadRequest, "The first account manages the others and cannot be closed.")
	}
	if _, err := c.account(id); err != nil {
		return nil, err
	}
	return nil, c.update(func(tx registry.Tx) error {
		a, err := tx.Account(id)
		if err != nil {
			return err
		}
		if a.Closed {
			return exception("AccountAlreadyClosedException", http.StatusBadRequest, "The account is closed already.")
		}
		a.Closed = true
		return tx.UpdateAccount(a)
	})
}

func (c *call) describeOrganization() (any, error) {
	err := c.Policies.AuthorizeCall(c.ctx, policy.Call{Actor: c.actor, Action: "organizations:DescribeOrganization", ARN: "*", Time: c.now})
	if err != nil {
		return nil, err
	}
	first, err := c.account(FirstAccount)
	type organization struct {
		Id, Arn, FeatureSet, MasterAccountArn, MasterAccountId, MasterAccountEmail string
	}
	return struct{ Organization organization }{organization{
		c.organization(), "arn:aws:organizations::" + FirstAccount + ":organization/" + c.organization(), "ALL", c.accountARN(FirstAccount), FirstAccount, first.Email,
	}}, err
}
