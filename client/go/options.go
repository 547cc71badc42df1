package jobstatus

import (
	"crypto/tls"
	"crypto/x509"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
)

const defaultPort = "50051"

// Limits and retries of each method, the same in every language.
//
//go:embed service_config.json
var serviceConfig string

// Options say how a Client reaches the service.
type Options struct {
	// TLS encrypts the connection and checks who is at the other end. Implied by the next three.
	TLS bool
	// CAFile is a PEM file of the authorities to trust instead of the system's.
	CAFile string
	// CertFile and KeyFile are PEM files of the client's own certificate and its key, for a service that asks for one. Both or
	// neither.
	CertFile, KeyFile string
	// Token is sent with each call as `authorization: Bearer TOKEN`. Without TLS everybody on the way can read it.
	Token string
	// Metadata is sent with each call, too.
	Metadata map[string]string
	// Backoff has the waits between the attempts of a watch to attach again.
	Backoff Backoff
	// SilenceLimit is after how long without a word a watch takes the connection for dead and attaches again. The service breaks
	// silence every 15 s or so. Zero: 45 s.
	SilenceLimit time.Duration
	// DialOptions are added to those the client dials with: interceptors, for example.
	DialOptions []grpc.DialOption
}

func (o Options) complete() (Options, error) {
	if (o.CertFile == "") != (o.KeyFile == "") {
		return o, errors.New("jobstatus: a certificate needs its key, and a key its certificate")
	}
	if strings.ContainsFunc(o.Token, func(letter rune) bool { return letter < ' ' || letter > '~' }) {
		return o, errors.New("jobstatus: the token has characters other than printable ASCII")
	}
	if o.SilenceLimit == 0 {
		o.SilenceLimit = 45 * time.Second
	}
	var err error
	o.Backoff, err = o.Backoff.complete()
	return o, err
}

func (o Options) dialOptions() ([]grpc.DialOption, error) {
	transport, err := o.credentials()
	if err != nil {
		return nil, err
	}
	return append([]grpc.DialOption{
		grpc.WithTransportCredentials(transport),
		grpc.WithUserAgent("comfyui-jobstatus-go"),
		grpc.WithDefaultServiceConfig(serviceConfig),
		grpc.WithDisableServiceConfig(), // of the DNS: other languages do not ask for it
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(16 << 20)),
		// A watch is quiet for long; pings find out that the other end is gone. None without calls: servers count those as abuse.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}),
		// The channel waits by itself between connection attempts, by default up to two minutes; attempts of ours would fail
		// without asking the network in that time.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff: backoff.Config{
				BaseDelay:  o.Backoff.Initial,
				Multiplier: o.Backoff.Multiplier,
				Jitter:     backoff.DefaultConfig.Jitter,
				MaxDelay:   o.Backoff.Max,
			},
			MinConnectTimeout: 10 * time.Second,
		}),
	}, o.DialOptions...), nil
}

func (o Options) credentials() (credentials.TransportCredentials, error) {
	if !o.TLS && o.CAFile == "" && o.CertFile == "" {
		return insecure.NewCredentials(), nil
	}
	config := &tls.Config{}
	if o.CAFile != "" {
		pem, err := os.ReadFile(o.CAFile)
		if err != nil {
			return nil, fmt.Errorf("jobstatus: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("jobstatus: no certificate in %s", o.CAFile)
		}
	}
	if o.CertFile != "" {
		certificate, err := tls.LoadX509KeyPair(o.CertFile, o.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("jobstatus: %w", err)
		}
		config.Certificates = []tls.Certificate{certificate}
	}
	return credentials.NewTLS(config), nil
}

// completeTarget adds the port when there is none; gRPC would take 443.
func completeTarget(target string) (string, error) {
	if target == "" {
		return "", errors.New("jobstatus: the address of the service is empty")
	}
	if strings.Contains(target, "://") {
		return target, nil
	}
	for _, scheme := range []string{"unix:", "unix-abstract:", "dns:", "passthrough:", "xds:"} {
		if strings.HasPrefix(target, scheme) {
			return target, nil
		}
	}
	if _, _, err := net.SplitHostPort(target); err == nil {
		return target, nil
	}
	host := strings.TrimSuffix(strings.TrimPrefix(target, "["), "]")
	return net.JoinHostPort(host, defaultPort), nil
}
