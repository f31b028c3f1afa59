// Runs the quickstart with a client that openapi-generator has made: ADDRESS SLUG USER.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"time"

	segops "github.com/GIT_USER_ID/GIT_REPO_ID"
)

func must[T any](value T, _ *http.Response, err error) T {
	if problem, ok := err.(*segops.GenericOpenAPIError); ok {
		panic(string(problem.Body()))
	}
	if err != nil {
		panic(err)
	}
	return value
}

func main() {
	url, slug, user := os.Args[1], os.Args[2], os.Args[3]
	configuration := segops.NewConfiguration()
	configuration.Servers = segops.ServerConfigurations{{URL: url}}
	api := segops.NewAPIClient(configuration)
	email, password := slug+"@example.com", "correct-horse-battery"

	nobody := context.Background()
	must(api.AccountsAPI.SignUp(nobody).SignUp(*segops.NewSignUp(email, password, slug, slug)).Execute())
	token := must(api.SessionsAPI.CreateToken(nobody).SignIn(*segops.NewSignIn(email, password)).Execute())
	person := context.WithValue(nobody, segops.ContextAccessToken, token.AccessToken)
	create := segops.NewCreateApiKey("backend")
	create.Scopes = []segops.Scope{"events:write", "segments:read", "membership:read"}
	key := must(api.ApiKeysAPI.CreateApiKey(person).CreateApiKey(*create).Execute()).Key
	header := map[string]segops.APIKey{"apiKeyAuth": {Key: key, Prefix: "ApiKey"}}
	program := context.WithValue(nobody, segops.ContextAPIKeys, header)

	track := segops.NewTrackCall("bought")
	track.SetUserId(user)
	must(api.IngestionAPI.Track(program).TrackCall(*track).Execute())
	identify := segops.NewIdentifyCall()
	identify.SetUserId(user)
	must(api.IngestionAPI.Identify(program).IdentifyCall(*identify).Execute())

	named := segops.NewCreateSegment("by openapi-generator")
	id := must(api.SegmentsAPI.CreateSegment(person).CreateSegment(*named).Execute()).Id
	once := 1.0
	count := segops.NewEventCount("event_count", "bought", "gte", segops.Float64AsThreshold(&once))
	condition := segops.EventCountAsCondition(count)
	change := segops.NewUpdateSegment()
	change.SetDefinition(*segops.NewGroup("AND", []segops.Node{segops.ConditionAsNode(&condition)}))
	must(api.SegmentsAPI.UpdateSegment(person, id).UpdateSegment(*change).Execute())

	run := must(api.SegmentsAPI.ComputeSegment(person, id).Execute()).RunId
	status := "queued"
	for status == "queued" || status == "running" {
		time.Sleep(100 * time.Millisecond)
		status = must(api.SegmentsAPI.GetRun(person, run, id).Execute()).Status
	}
	members := []string{}
	for _, member := range must(api.MembersAPI.ListSegmentMembers(program, id).Execute()).Results {
		members = append(members, member.UserId)
	}
	lookup := must(api.MembershipAPI.GetMembership(program).UserId(user).Execute())
	line, err := json.Marshal([]any{status, id, members, lookup.SegmentIds})
	fmt.Println(string(must(line, nil, err)))
}
