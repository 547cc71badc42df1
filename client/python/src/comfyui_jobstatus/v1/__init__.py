"""The contract's messages and stub, made from job_status.proto when the package is built."""
