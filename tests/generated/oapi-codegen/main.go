// Runs the quickstart with a client that oapi-codegen has made.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"generated/segops"
)

const segment = `{"name": "by oapi-codegen", "segment_type": "rule", "definition": {"logic": "AND", "conditions": [
	{"type": "event_count", "event_type": "bought", "operator": "gte", "value": 1}]}}`

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func main() {
	url, key, user := os.Args[1], os.Args[2], os.Args[3]
	ctx := context.Background()
	signed := func(_ context.Context, request *http.Request) error {
		request.Header.Set("Authorization", "ApiKey "+key)
		return nil
	}
	api := must(segops.NewClientWithResponses(url, segops.WithRequestEditorFn(signed)))

	sent := must(api.TrackWithResponse(ctx, nil, segops.TrackCall{UserId: &user, EventType: "bought"}))
	if sent.StatusCode() != 202 {
		panic(string(sent.Body))
	}
	created := must(api.CreateSegmentWithBodyWithResponse(ctx, nil, "application/json", strings.NewReader(segment)))
	if created.JSON201 == nil {
		panic(string(created.Body))
	}
	id := created.JSON201.Id
	queued := must(api.ComputeSegmentWithResponse(ctx, id, nil, segops.ComputeSegmentJSONRequestBody{}))
	if queued.JSON202 == nil {
		panic(string(queued.Body))
	}
	status := "queued"
	for status == "queued" || status == "running" {
		time.Sleep(100 * time.Millisecond)
		run := must(api.GetRunWithResponse(ctx, id, queued.JSON202.RunId))
		if run.JSON200 == nil {
			panic(string(run.Body))
		}
		status = string(run.JSON200.Status)
	}
	lookup := must(api.GetMembershipWithResponse(ctx, &segops.GetMembershipParams{UserId: user}))
	if lookup.JSON200 == nil {
		panic(string(lookup.Body))
	}
	fmt.Println(string(must(json.Marshal([]any{status, id, lookup.JSON200.SegmentIds}))))
}
