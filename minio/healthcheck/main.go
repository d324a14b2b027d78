// Command healthcheck exits with 0 if, and only if, a GET of the server's health page answers 2xx.
//
// The image holds no shell and no curl; and curl without -f calls a 503 healthy.
package main

import (
	"fmt"
	"net/http"
	"os"
	"time"
)

const (
	variable = "HEALTHCHECK_URL"
	fallback = "http://127.0.0.1:9000/minio/health/live"
	deadline = 2 * time.Second // less than the time-out of HEALTHCHECK, so that its line is logged
)

func main() {
	url := os.Getenv(variable)
	if url == "" {
		url = fallback
	}
	if err := check(url); err != nil {
		fmt.Fprintln(os.Stderr, "healthcheck:", err)
		os.Exit(1)
	}
}

func check(url string) error {
	client := &http.Client{
		Timeout:   deadline,
		Transport: &http.Transport{Proxy: nil}, // it asks its own host, whatever HTTP_PROXY says
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // a redirect is no answer of a healthy server
		},
	}
	response, err := client.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return fmt.Errorf("GET %s answers %s", url, response.Status)
	}
	return nil
}
