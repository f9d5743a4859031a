import com.nimbusds.oauth2.sdk.util.JSONObjectUtils;
import com.nimbusds.oauth2.sdk.util.URLUtils;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.URI;
import java.util.List;
import java.util.Map;
import org.springframework.mock.web.MockHttpServletRequest;
import org.springframework.security.oauth2.client.authentication.OAuth2LoginAuthenticationToken;
import org.springframework.security.oauth2.client.endpoint.OAuth2ClientCredentialsGrantRequest;
import org.springframework.security.oauth2.client.endpoint.OAuth2RefreshTokenGrantRequest;
import org.springframework.security.oauth2.client.endpoint.RestClientAuthorizationCodeTokenResponseClient;
import org.springframework.security.oauth2.client.endpoint.RestClientClientCredentialsTokenResponseClient;
import org.springframework.security.oauth2.client.endpoint.RestClientRefreshTokenTokenResponseClient;
import org.springframework.security.oauth2.client.oidc.authentication.OidcAuthorizationCodeAuthenticationProvider;
import org.springframework.security.oauth2.client.oidc.userinfo.OidcUserService;
import org.springframework.security.oauth2.client.registration.ClientRegistration;
import org.springframework.security.oauth2.client.registration.ClientRegistrations;
import org.springframework.security.oauth2.client.registration.InMemoryClientRegistrationRepository;
import org.springframework.security.oauth2.client.web.DefaultOAuth2AuthorizationRequestResolver;
import org.springframework.security.oauth2.client.web.OAuth2AuthorizationRequestCustomizers;
import org.springframework.security.oauth2.core.AuthorizationGrantType;
import org.springframework.security.oauth2.core.endpoint.OAuth2AuthorizationExchange;
import org.springframework.security.oauth2.core.endpoint.OAuth2AuthorizationResponse;
import org.springframework.security.oauth2.core.oidc.user.OidcUser;
import org.springframework.util.LinkedMultiValueMap;

/** Spring Security, its parts wired as its login filter does. It speaks as node/dialogue.mjs says. */
class SpringClient {
  private static final BufferedReader INPUT = new BufferedReader(new InputStreamReader(System.in));

  private final Map<String, Object> told;

  private SpringClient(Map<String, Object> told) {
    this.told = told;
  }

  public static void main(String[] arguments) throws Exception {
    SpringClient client = new SpringClient(read());
    write(client.text("flow").equals("code") ? client.code() : client.clientCredentials());
  }

  private ClientRegistration.Builder registration() {
    return ClientRegistrations.fromIssuerLocation(text("issuer"))
        .registrationId("keygrove")
        .clientId(text("client_id"))
        .clientSecret(text("client_secret"))
        .scope(text("scope").split(" "));
  }

  private Map<String, ?> clientCredentials() {
    ClientRegistration registration =
        registration().authorizationGrantType(AuthorizationGrantType.CLIENT_CREDENTIALS).build();
    var endpoint = new RestClientClientCredentialsTokenResponseClient();
    endpoint.addParametersConverter(
        asked -> new LinkedMultiValueMap<>(Map.of("audience", List.of(text("audience")))));
    var answer = endpoint.getTokenResponse(new OAuth2ClientCredentialsGrantRequest(registration));
    return Map.of("access_token", answer.getAccessToken().getTokenValue());
  }

  private Map<String, ?> code() throws Exception {
    ClientRegistration registration = registration().redirectUri(text("redirect_uri")).build();
    var resolver =
        new DefaultOAuth2AuthorizationRequestResolver(
            new InMemoryClientRegistrationRepository(registration), "/oauth2/authorization");
    resolver.setAuthorizationRequestCustomizer(OAuth2AuthorizationRequestCustomizers.withPkce());
    var asked = resolver.resolve(new MockHttpServletRequest("GET", "/"), "keygrove");
    write(Map.of("authorization_url", asked.getAuthorizationRequestUri()));
    URI callback = new URI((String) read().get("callback"));
    var answer = URLUtils.parseParameters(callback.getRawQuery());
    var response =
        OAuth2AuthorizationResponse.success(answer.get("code").get(0))
            .state(answer.get("state").get(0))
            .redirectUri(text("redirect_uri"))
            .build();

    var login =
        new OidcAuthorizationCodeAuthenticationProvider(
            new RestClientAuthorizationCodeTokenResponseClient(), new OidcUserService());
    var exchange = new OAuth2AuthorizationExchange(asked, response);
    var done =
        (OAuth2LoginAuthenticationToken)
            login.authenticate(new OAuth2LoginAuthenticationToken(registration, exchange));
    OidcUser person = (OidcUser) done.getPrincipal();

    var renewed =
        new RestClientRefreshTokenTokenResponseClient()
            .getTokenResponse(
                new OAuth2RefreshTokenGrantRequest(
                    registration, done.getAccessToken(), done.getRefreshToken()));
    return Map.of(
        "access_token", done.getAccessToken().getTokenValue(),
        "renewed_access_token", renewed.getAccessToken().getTokenValue(),
        "id_token_subject", person.getIdToken().getSubject(),
        "userinfo_subject", person.getUserInfo().getSubject());
  }

  private String text(String name) {
    return (String) told.get(name);
  }

  private static Map<String, Object> read() throws Exception {
    return JSONObjectUtils.parse(INPUT.readLine());
  }

  private static void write(Map<String, ?> message) {
    System.out.println(net.minidev.json.JSONObject.toJSONString(message));
  }
}
