// Package jobstatus is the client of the ComfyUI Job Status Service.
//
//	client, err := jobstatus.NewClient("gpu-box:50051", nil)
//	if err != nil {
//		return err
//	}
//	defer client.Close()
//	status, err := client.WaitForCompletion(ctx, promptID, nil)
//
// The messages are those of the contract: package [jobstatus.comfyui/go/jobstatusv1] says what each field means.
//
// The context of a call limits and cancels it; of a watch and a wait the whole of it, attaching again included. Every error that
// the service or the network made is an [*Error], which says by a [Reason] what the service had to say. A job that failed is no
// error: it is a JobStatus.
package jobstatus

//go:generate ./generate.sh
