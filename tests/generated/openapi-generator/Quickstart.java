import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.openapitools.client.ApiClient;
import org.openapitools.client.JSON;
import org.openapitools.client.api.*;
import org.openapitools.client.model.*;

/** Runs the quickstart with a client that openapi-generator has made: ADDRESS SLUG USER. */
public class Quickstart {
  public static void main(String[] args) throws Exception {
    String url = args[0], slug = args[1], user = args[2];
    String email = slug + "@example.com", password = "correct-horse-battery";

    ApiClient person = new ApiClient().setBasePath(url);
    new AccountsApi(person)
        .signUp(new SignUp().email(email).password(password).tenantName(slug).tenantSlug(slug), null);
    TokenSet tokens = new SessionsApi(person).createToken(new SignIn().email(email).password(password), null);
    person.setBearerToken(tokens.getAccessToken());
    CreateApiKey key = new CreateApiKey().name("backend");
    key.scopes(List.of(Scope.EVENTS_WRITE, Scope.SEGMENTS_READ, Scope.MEMBERSHIP_READ));
    ApiClient program = new ApiClient().setBasePath(url);
    program.setApiKeyPrefix("ApiKey");
    program.setApiKey(new ApiKeysApi(person).createApiKey(key, null).getKey());

    IngestionApi ingestion = new IngestionApi(program);
    ingestion.track(new TrackCall().userId(user).eventType("bought").payload(Map.of("total", 5)), null);
    ingestion.identify(new IdentifyCall().userId(user).traits(Map.of("plan", "starter")), null);

    SegmentsApi segments = new SegmentsApi(person);
    Long id = segments.createSegment(new CreateSegment().name("by openapi-generator"), null).getId();
    EventCount count = new EventCount().type(EventCount.TypeEnum.EVENT_COUNT).eventType("bought");
    count.operator(EventCount.OperatorEnum.GTE).value(new Threshold(1.0));
    Group definition = new Group().logic(Group.LogicEnum.AND).addConditionsItem(new Node(new Condition(count)));
    segments.updateSegment(id, new UpdateSegment().definition(definition), null, null);

    String run = segments.computeSegment(id, null, null).getRunId();
    String status = "queued";
    while (status.equals("queued") || status.equals("running")) {
      Thread.sleep(100);
      status = segments.getRun(run, id).getStatus().getValue();
    }
    List<String> members =
        new MembersApi(program)
            .listSegmentMembers(id, null, null, null, null, null, null, null).getResults().stream()
                .map(SegmentMember::getUserId)
                .collect(Collectors.toList());
    Membership lookup = new MembershipApi(program).getMembership(user, null, null, null, null, null, null);
    System.out.println(JSON.getGson().toJson(List.of(status, id, members, lookup.getSegmentIds())));
    System.exit(0); // okhttp's threads live on for a minute
  }
}
