package iam

import (
	"larder/registry"
)

// maxAccessKeys is how many access keys a user may have (IAM quotas).
const maxAccessKeys = 2

type accessKeyResult struct {
	UserName        string
	AccessKeyId     string
	Status          string
	SecretAccessKey string `xml:",omitempty"`
	CreateDate      isoTime
}

func status(active bool) string {
	if active {
		return "Active"
	}
	return "Inactive"
}

func (c *call) createAccessKey() (any, error) {
	name := c.ownOr("UserName")
	if _, err := c.find(users, name, nil); err != nil {
		return nil, err
	}
	r := accessKeyResult{UserName: name, Status: status(true)}
	err := c.update(func(tx registry.Tx) error {
		keys, err := tx.AccessKeys(c.actor.Account, name)
		if err != nil {
			return err
		}
		if len(keys) >= maxAccessKeys {
			return limitExceeded("access keys of a user", maxAccessKeys)
		}
		r.CreateDate = isoTime(tx.Now())
		r.AccessKeyId, r.SecretAccessKey, err = c.Credentials.CreateAccessKey(tx, c.actor.Account, name)
		return noEntity(err, "The user with name %s cannot be found.", name)
	})
	return struct{ AccessKey accessKeyResult }{r}, err
}

func (c *call) listAccessKeys() (any, error) {
	name := c.ownOr("UserName")
	if _, err := c.find(users, name, nil); err != nil {
		return nil, err
	}
	answer := struct {
		AccessKeyMetadata []accessKeyResult `xml:"AccessKeyMetadata>member"`
		IsTruncated       bool
	}{}
	return &answer, c.view(func(tx registry.Tx) error {
		keys, err := tx.AccessKeys(c.actor.Account, name)
		for _, k := range keys {
			answer.AccessKeyMetadata = append(answer.AccessKeyMetadata, accessKeyResult{UserName: k.User, AccessKeyId: k.ID, Status: status(k.Active), CreateDate: isoTime(k.Created)})
		}
		return err
	})
}

// ownKey gives an access key of that user of the actor's account.
func (c *call) ownKey(tx registry.Tx, user, id string) error {
	k, err := tx.AccessKey(id)
	if err == nil && (k.Account != c.actor.Account || k.User != user) {
		err = registry.Errorf(registry.NotFound, "")
	}
	return noEntity(err, "The Access Key with id %s cannot be found.", clip(id))
}

func (c *call) updateAccessKey() (any, error) {
	name, id, to := c.ownOr("UserName"), c.form.Required("AccessKeyId"), c.form.Required("Status")
	if to != "Active" && to != "Inactive" {
		c.form.Fail(invalid("Status is %q; it must be Active or Inactive", clip(to)))
	}
	if _, err := c.find(users, name, nil); err != nil {
		return nil, err
	}
	return nil, c.update(func(tx registry.Tx) error {
		if err := c.ownKey(tx, name, id); err != nil {
			return err
		}
		return tx.ActivateAccessKey(id, to == "Active")
	})
}

func (c *call) deleteAccessKey() (any, error) {
	name, id := c.ownOr("UserName"), c.form.Required("AccessKeyId")
	if _, err := c.find(users, name, nil); err != nil {
		return nil, err
	}
	return nil, c.update(func(tx registry.Tx) error {
		if err := c.ownKey(tx, name, id); err != nil {
			return err
		}
		return tx.DeleteAccessKey(id)
	})
}

func (c *call) getAccessKeyLastUsed() (any, error) {
	id := c.form.Required("AccessKeyId")
	if err := c.form.Err(); err != nil {
		return nil, err
	}
	var key registry.AccessKey
	err := c.view(func(tx registry.Tx) (err error) {
		key, err = tx.AccessKey(id)
		return err
	})
	if err != nil && !registry.IsNotFound(err) {
		return nil, err
	}
	if err != nil || key.Account != c.actor.Account { // nobody learns of another account's keys
		if denied := c.allow("*"); denied != nil {
			return nil, denied
		}
		return nil, registry.Errorf(registry.NotFound, "The Access Key with id %s cannot be found.", clip(id))
	}
	if _, err := c.find(users, key.User, nil); err != nil {
		return nil, err
	}
	type lastUsed struct {
		LastUsedDate isoTime
		ServiceName  string
		Region       string
	}
	used := lastUsed{ServiceName: "N/A", Region: "N/A"}
	if !key.Used.Time.IsZero() {
		used = lastUsed{isoTime(key.Used.Time), key.Used.Service, key.Used.Region}
	}
	return struct {
		UserName          string
		AccessKeyLastUsed lastUsed
	}{key.User, used}, nil
}
