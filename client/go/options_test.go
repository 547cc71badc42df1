package jobstatus

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"jobstatus.comfyui/go/jobstatusv1"
)

func TestAPortIsAddedWhereThereIsNone(t *testing.T) {
	for given, want := range map[string]string{
		"gpu-box":             "gpu-box:50051",
		"gpu-box:1":           "gpu-box:1",
		"::1":                 "[::1]:50051",
		"[::1]":               "[::1]:50051",
		"[::1]:1":             "[::1]:1",
		"unix:/run/jobstatus": "unix:/run/jobstatus",
		"dns:///gpu-box:1":    "dns:///gpu-box:1",
	} {
		if got, err := completeTarget(given); got != want || err != nil {
			t.Errorf("%s becomes %s, not %s; %v", given, got, want, err)
		}
	}
}

func TestOptionsThatMakeNoSenseAreRefused(t *testing.T) {
	for name, options := range map[string]Options{
		"a certificate without a key":      {CertFile: "x"},
		"a key without a certificate":      {KeyFile: "x"},
		"a token of two lines":             {Token: "two\nlines"},
		"a token that is not ASCII":        {Token: "ü"},
		"waits below zero":                 {Backoff: Backoff{Initial: -1}},
		"first waits longer than the last": {Backoff: Backoff{Initial: 2, Max: 1}},
		"waits that shrink":                {Backoff: Backoff{Multiplier: 0.5}},
	} {
		if _, err := NewClient("localhost", &options); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

func TestAnEmptyAddressIsRefused(t *testing.T) {
	if _, err := NewClient("", nil); err == nil {
		t.Error("it is taken")
	}
}

func TestAFileThatIsNotThereIsNamed(t *testing.T) {
	for _, options := range []Options{{CAFile: "/no/such.pem"}, {CertFile: "/no/such.pem", KeyFile: "/no/such.key"}} {
		_, err := NewClient("localhost", &options)
		var path *fs.PathError
		if !errors.As(err, &path) || path.Path != "/no/such.pem" {
			t.Errorf("%+v: got %v", options, err)
		}
	}
}

func TestAFileOfAuthoritiesWithoutAnyIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := NewClient("localhost", &Options{CAFile: file}); err == nil {
		t.Error("it is taken")
	}
}

type methodConfig struct {
	Name    []struct{ Service, Method string }
	Timeout string
}

func TestEveryMethodButTheWatchHasALimit(t *testing.T) {
	var config struct{ MethodConfig []methodConfig }
	if err := json.Unmarshal([]byte(serviceConfig), &config); err != nil {
		t.Fatal(err)
	}
	got, want := make(map[string]bool), make(map[string]bool)
	for _, part := range config.MethodConfig {
		limit, err := time.ParseDuration(part.Timeout)
		for _, name := range part.Name {
			got["/"+name.Service+"/"+name.Method] = err == nil && limit > 0
		}
	}
	service := jobstatusv1.JobStatusService_ServiceDesc
	for _, method := range service.Methods {
		want["/"+service.ServiceName+"/"+method.MethodName] = true
	}
	for _, method := range service.Streams {
		want["/"+service.ServiceName+"/"+method.StreamName] = false
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("limits are %v", got)
	}
}
