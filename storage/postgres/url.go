package postgres

import (
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"

	"larder/registry"
)

// Limits that the URL may set otherwise, as parameters of these names.
const (
	defaultConns     = 24      // pool_max_conns: connections of one process
	statementTimeout = "15000" // statement_timeout: milliseconds
	lockTimeout      = "10000" // lock_timeout: milliseconds
	idleTimeout      = "60000" // idle_in_transaction_session_timeout: milliseconds
	connectTimeout   = 5 * time.Second
)

// transactionTimeout bounds a whole transaction, the time of f included.
const transactionTimeout = time.Minute

// answerTime is how much longer than the server lets a transaction wait for its
// locks an answer to its beginning may take.
const answerTime = 2 * time.Second

// patience is how long a transaction's beginning may take, until the connection
// counts as silent.
func patience(c *pgx.ConnConfig) time.Duration {
	if n, err := strconv.Atoi(c.RuntimeParams["lock_timeout"]); err == nil && n > 0 {
		return min(time.Duration(n)*time.Millisecond+answerTime, transactionTimeout)
	}
	return transactionTimeout
}

// keepAlive finds out within half a minute that the other machine is gone.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 3}

// parse reads the URL. Its text may hold a password: no part of it goes into a message.
func parse(raw string) (*pgx.ConnConfig, int, error) {
	bad := func(what string) error {
		return registry.Errorf(registry.Invalid, "the PostgreSQL URL cannot be used: %s; write postgres://USER:PASSWORD@HOST:5432/DATABASE?sslmode=verify-full", what)
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, 0, bad("it is no URL")
	}
	conns, q := defaultConns, u.Query()
	if s := q.Get("pool_max_conns"); s != "" {
		if conns, err = strconv.Atoi(s); err != nil || conns < 4 || conns > 10_000 {
			return nil, 0, bad("pool_max_conns is a number from 4 to 10000")
		}
		q.Del("pool_max_conns")
		u.RawQuery = q.Encode()
	}
	c, err := pgx.ParseConfig(u.String())
	if err != nil {
		return nil, 0, bad("a part of it is not understood")
	}
	if q.Get("connect_timeout") == "" {
		c.ConnectTimeout = connectTimeout
	}
	if q.Get("target_session_attrs") == "" {
		// What a standby knows is old, and a lead that it gives is one of two.
		c.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsPrimary
	}
	c.DialFunc = (&net.Dialer{KeepAliveConfig: keepAlive}).DialContext
	// What outlives its time is ended at the server, and the connection stays.
	c.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: time.Second}
	}
	for name, value := range map[string]string{
		"application_name":                    "larder",
		"statement_timeout":                   statementTimeout,
		"lock_timeout":                        lockTimeout,
		"idle_in_transaction_session_timeout": idleTimeout,
		// The server lets go of the locks of a machine that is gone.
		"tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3",
	} {
		if _, set := c.RuntimeParams[name]; !set {
			c.RuntimeParams[name] = value
		}
	}
	return c, conns, nil
}
