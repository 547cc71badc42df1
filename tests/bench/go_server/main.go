// What people write instead: GetStatus of jobs in a map, with grpc-go.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "jobstatus.comfyui/go/jobstatusv1"
)

type job struct {
	percentage float64
	message    string
}

type service struct {
	pb.UnimplementedJobStatusServiceServer
	jobs map[string]job // not changed once calls are taken
}

func newService(jobs int) *service {
	s := &service{jobs: make(map[string]job, jobs)}
	for i := range jobs {
		s.jobs[fmt.Sprintf("job-%d", i)] = job{percentage: 61.5, message: "KSampler 12/20"}
	}
	return s
}

func (s *service) GetStatus(_ context.Context, request *pb.GetStatusRequest) (*pb.GetStatusResponse, error) {
	job, ok := s.jobs[request.JobId]
	if !ok {
		return nil, status.Error(codes.NotFound, "no such job")
	}
	return &pb.GetStatusResponse{Status: &pb.JobStatus{
		JobId:    request.JobId,
		Backend:  "gpu",
		State:    pb.JobState_JOB_STATE_PROCESSING,
		Message:  job.message,
		Revision: 123456,
		Progress: &pb.Progress{
			Percentage:     job.percentage,
			CompletedNodes: 4,
			TotalNodes:     7,
			CurrentNode:    &pb.NodeProgress{NodeId: "3", NodeType: "KSampler", CurrentStep: 12, TotalSteps: 20},
		},
		CreateTime:  &timestamppb.Timestamp{Seconds: 1790000000, Nanos: 123456789},
		StartTime:   &timestamppb.Timestamp{Seconds: 1790000000, Nanos: 123456789},
		ObserveTime: &timestamppb.Timestamp{Seconds: 1790000000, Nanos: 123456789},
	}}, nil
}

func writeAddress(file string, address net.Addr) error {
	written := file + ".tmp"
	if err := os.WriteFile(written, fmt.Appendln(nil, address), 0o644); err != nil {
		return err
	}
	return os.Rename(written, file)
}

func main() {
	addressFile := flag.String("address-file", "", "where to write the address; required")
	flag.Parse()
	if *addressFile == "" {
		flag.Usage()
		os.Exit(2)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer()
	pb.RegisterJobStatusServiceServer(server, newService(100))
	if err := writeAddress(*addressFile, listener.Addr()); err != nil {
		log.Fatal(err)
	}
	log.Fatal(server.Serve(listener))
}
