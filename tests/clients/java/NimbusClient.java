import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.oauth2.sdk.AuthorizationCodeGrant;
import com.nimbusds.oauth2.sdk.AuthorizationGrant;
import com.nimbusds.oauth2.sdk.ClientCredentialsGrant;
import com.nimbusds.oauth2.sdk.RefreshTokenGrant;
import com.nimbusds.oauth2.sdk.ResponseType;
import com.nimbusds.oauth2.sdk.Scope;
import com.nimbusds.oauth2.sdk.TokenRequest;
import com.nimbusds.oauth2.sdk.TokenResponse;
import com.nimbusds.oauth2.sdk.auth.ClientSecretBasic;
import com.nimbusds.oauth2.sdk.auth.Secret;
import com.nimbusds.oauth2.sdk.id.ClientID;
import com.nimbusds.oauth2.sdk.id.Issuer;
import com.nimbusds.oauth2.sdk.id.State;
import com.nimbusds.oauth2.sdk.pkce.CodeChallengeMethod;
import com.nimbusds.oauth2.sdk.pkce.CodeVerifier;
import com.nimbusds.oauth2.sdk.util.JSONObjectUtils;
import com.nimbusds.openid.connect.sdk.AuthenticationRequest;
import com.nimbusds.openid.connect.sdk.AuthenticationResponseParser;
import com.nimbusds.openid.connect.sdk.Nonce;
import com.nimbusds.openid.connect.sdk.OIDCTokenResponse;
import com.nimbusds.openid.connect.sdk.OIDCTokenResponseParser;
import com.nimbusds.openid.connect.sdk.UserInfoRequest;
import com.nimbusds.openid.connect.sdk.UserInfoResponse;
import com.nimbusds.openid.connect.sdk.op.OIDCProviderMetadata;
import com.nimbusds.openid.connect.sdk.token.OIDCTokens;
import com.nimbusds.openid.connect.sdk.validators.AccessTokenValidator;
import com.nimbusds.openid.connect.sdk.validators.IDTokenValidator;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.URI;
import java.util.Map;

/** The OAuth 2.0 and OpenID Connect SDK of Nimbus. It speaks as node/dialogue.mjs says. */
class NimbusClient {
  private static final BufferedReader INPUT = new BufferedReader(new InputStreamReader(System.in));

  private final Map<String, Object> told;
  private final OIDCProviderMetadata provider;
  private final ClientSecretBasic secret;

  private NimbusClient(Map<String, Object> told) throws Exception {
    this.told = told;
    provider = OIDCProviderMetadata.resolve(new Issuer(text("issuer")));
    secret = new ClientSecretBasic(new ClientID(text("client_id")), new Secret(text("client_secret")));
  }

  public static void main(String[] arguments) throws Exception {
    NimbusClient client = new NimbusClient(read());
    write(client.text("flow").equals("code") ? client.code() : client.clientCredentials());
  }

  private Map<String, ?> clientCredentials() throws Exception {
    TokenRequest asked =
        new TokenRequest.Builder(provider.getTokenEndpointURI(), secret, new ClientCredentialsGrant())
            .scope(Scope.parse(text("scope")))
            .customParameter("audience", text("audience"))
            .build();
    TokenResponse answer = TokenResponse.parse(asked.toHTTPRequest().send());
    return Map.of("access_token", answer.toSuccessResponse().getTokens().getAccessToken().getValue());
  }

  private Map<String, ?> code() throws Exception {
    URI redirect = new URI(text("redirect_uri"));
    CodeVerifier verifier = new CodeVerifier();
    State state = new State();
    Nonce nonce = new Nonce();
    AuthenticationRequest asked =
        new AuthenticationRequest.Builder(
                ResponseType.CODE, Scope.parse(text("scope")), secret.getClientID(), redirect)
            .endpointURI(provider.getAuthorizationEndpointURI())
            .state(state)
            .nonce(nonce)
            .codeChallenge(verifier, CodeChallengeMethod.S256)
            .build();
    write(Map.of("authorization_url", asked.toURI().toString()));
    URI callback = new URI((String) read().get("callback"));
    var answer = AuthenticationResponseParser.parse(callback).toSuccessResponse();
    if (!state.equals(answer.getState()) || !provider.getIssuer().equals(answer.getIssuer())) {
      throw new IllegalStateException("the state or the issuer is another");
    }

    OIDCTokens tokens = tokens(new AuthorizationCodeGrant(answer.getAuthorizationCode(), redirect, verifier));
    var checks =
        new IDTokenValidator(
            provider.getIssuer(), secret.getClientID(), JWSAlgorithm.RS256, provider.getJWKSetURI().toURL());
    var claims = checks.validate(tokens.getIDToken(), nonce);
    AccessTokenValidator.validate(tokens.getAccessToken(), JWSAlgorithm.RS256, claims.getAccessTokenHash());

    var sent = new UserInfoRequest(provider.getUserInfoEndpointURI(), tokens.getBearerAccessToken());
    var about = UserInfoResponse.parse(sent.toHTTPRequest().send()).toSuccessResponse().getUserInfo();
    OIDCTokens renewed = tokens(new RefreshTokenGrant(tokens.getRefreshToken()));
    return Map.of(
        "access_token", tokens.getAccessToken().getValue(),
        "renewed_access_token", renewed.getAccessToken().getValue(),
        "id_token_subject", claims.getSubject().getValue(),
        "userinfo_subject", about.getSubject().getValue());
  }

  private OIDCTokens tokens(AuthorizationGrant grant) throws Exception {
    TokenRequest asked = new TokenRequest.Builder(provider.getTokenEndpointURI(), secret, grant).build();
    TokenResponse answer = OIDCTokenResponseParser.parse(asked.toHTTPRequest().send());
    return ((OIDCTokenResponse) answer.toSuccessResponse()).getOIDCTokens();
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
