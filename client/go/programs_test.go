//go:build linux

package jobstatus_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	jobstatus "jobstatus.comfyui/go"
)

// setting is the real service before a fake ComfyUI.
type setting struct {
	t       *testing.T
	comfy   string // its URL
	address string // of the service, however often it starts
	state   string
	service *exec.Cmd
	*jobstatus.Client
}

func program(t *testing.T, variable, built string) string {
	t.Helper()
	path := os.Getenv(variable)
	if path == "" {
		path = filepath.Join("../..", built)
	}
	if _, err := exec.LookPath(path); err != nil {
		t.Fatalf("%s is not there; ./dev build makes it, or %s names another", path, variable)
	}
	return path
}

func start(t *testing.T, options *jobstatus.Options) *setting {
	t.Helper()
	s := &setting{t: t, address: "127.0.0.1:0", state: t.TempDir()}
	// A version that lets callers choose any id, at fifty times a demo's speed.
	comfy := exec.Command(program(t, "FAKE_COMFYUI", "build/release/tests/fakes/fake_comfyui"),
		"--port", "0", "--version", "v0.3.64", "--speed", "50")
	said := s.run(comfy, comfy.StdoutPipe)
	line, err := said.ReadString('\n') // "fake ComfyUI v0.3.64 at http://127.0.0.1:1234"
	if err != nil {
		t.Fatalf("the fake ComfyUI does not start: %v", err)
	}
	_, s.comfy, _ = strings.Cut(strings.TrimSpace(line), " at ")

	s.startService()
	if s.Client, err = jobstatus.NewClient(s.address, options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// run starts a program that is killed when the test ends, and returns what it says.
func (s *setting) run(command *exec.Cmd, pipe func() (io.ReadCloser, error)) *bufio.Reader {
	s.t.Helper()
	said, err := pipe()
	if err != nil {
		s.t.Fatal(err)
	}
	// Nor does it outlive a test that is killed.
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { kill(command) })
	return bufio.NewReader(said)
}

// kill does nothing to what was killed before.
func kill(command *exec.Cmd) {
	if command.ProcessState == nil {
		command.Process.Kill()
		command.Wait()
	}
}

// startService returns when it serves and hears ComfyUI's events.
func (s *setting) startService() {
	s.t.Helper()
	s.service = exec.Command(program(s.t, "JOBSTATUS_SERVER", "build/release/server/app/jobstatus-server"),
		"--listen", s.address, "--backend", "gpu="+s.comfy, "--log-format", "json", "--state-dir", s.state,
		// It asks ComfyUI as often as it can, so that nobody has to wait for it.
		"--poll-interval", "10ms", "--idle-interval", "10ms", "--safety-interval", "10ms", "--upstream-share", "1")
	said := s.run(s.service, s.service.StderrPipe)
	ready := make(chan string, 1) // its address, or what it said before it ended
	go func() {
		var log strings.Builder
		var address string
		for {
			line, err := said.ReadString('\n')
			log.WriteString(line)
			var record struct{ Event, Address string }
			switch json.Unmarshal([]byte(line), &record); {
			case record.Event == "serving":
				address = record.Address
			case record.Event == "events_heard" && address != "":
				ready <- address
				io.Copy(io.Discard, said)
				return
			}
			if err != nil {
				ready <- log.String()
				return
			}
		}
	}()
	select {
	case said := <-ready:
		if s.address = said; strings.ContainsAny(said, " \n") || said == "" {
			s.t.Fatalf("the service does not start: %s", said)
		}
	case <-time.After(patience):
		s.t.Fatal("the service does not start")
	}
}

func (s *setting) killService() { kill(s.service) }

func (s *setting) submit(jobID string) { s.submitSteps(jobID, 1) }

func (s *setting) submitEndless(jobID string) { s.submitSteps(jobID, 1_000_000) }

func (s *setting) submitSteps(jobID string, steps int) {
	s.t.Helper()
	s.post("/prompt", fmt.Sprintf(`{"prompt_id": %q, "prompt": {
		"1": {"class_type": "KSampler", "inputs": {"steps": %d}},
		"2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "cat"}}}}`, jobID, steps))
}

func (s *setting) interrupt() {
	s.t.Helper()
	s.post("/interrupt", "{}")
}

func (s *setting) post(path, body string) {
	s.t.Helper()
	answer, err := http.Post(s.comfy+path, "application/json", strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		s.t.Fatalf("ComfyUI answers %s to POST %s", answer.Status, path)
	}
}
