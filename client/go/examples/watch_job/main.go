package main

import (
	"context"
	"fmt"
	"log"
	"os"

	jobstatus "jobstatus.comfyui/go"
)

func main() {
	address, jobID := os.Args[1], os.Args[2]
	client, err := jobstatus.NewClient(address, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	var last *jobstatus.JobStatus
	// Every change, as it comes; over lost connections too.
	for status, err := range client.Watch(context.Background(), []string{jobID}, nil) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(status.Message) // "queued, 3rd of 7"
		last = status
	}
	for _, output := range last.Outputs {
		fmt.Println(output.Url)
	}
}
