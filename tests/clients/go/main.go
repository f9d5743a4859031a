// The Go client: golang.org/x/oauth2 with go-oidc. It speaks as node/dialogue.mjs says.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"log"
	"net/url"
	"os"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

type registration struct {
	Flow         string `json:"flow"`
	Issuer       string `json:"issuer"`
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	Scope        string `json:"scope"`
	Audience     string `json:"audience"`
	RedirectURI  string `json:"redirect_uri"`
}

type outcome struct {
	AccessToken        string `json:"access_token"`
	RenewedAccessToken string `json:"renewed_access_token,omitempty"`
	IDTokenSubject     string `json:"id_token_subject,omitempty"`
	UserinfoSubject    string `json:"userinfo_subject,omitempty"`
}

var input = bufio.NewReader(os.Stdin)

func read(into any) error {
	line, err := input.ReadBytes('\n')
	if err != nil {
		return err
	}
	return json.Unmarshal(line, into)
}

func write(value any) error { return json.NewEncoder(os.Stdout).Encode(value) }

func main() {
	var told registration
	if err := read(&told); err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	provider, err := oidc.NewProvider(ctx, told.Issuer)
	if err != nil {
		log.Fatal(err)
	}
	flow := clientCredentials
	if told.Flow == "code" {
		flow = code
	}
	got, err := flow(ctx, provider, told)
	if err != nil {
		log.Fatal(err)
	}
	if err := write(got); err != nil {
		log.Fatal(err)
	}
}

// The way to send the secret is left open: the library tries the header first.
func clientCredentials(ctx context.Context, provider *oidc.Provider, told registration) (*outcome, error) {
	config := clientcredentials.Config{
		ClientID:       told.ClientID,
		ClientSecret:   told.ClientSecret,
		TokenURL:       provider.Endpoint().TokenURL,
		Scopes:         strings.Fields(told.Scope),
		EndpointParams: url.Values{"audience": {told.Audience}},
	}
	token, err := config.Token(ctx)
	if err != nil {
		return nil, err
	}
	return &outcome{AccessToken: token.AccessToken}, nil
}

func code(ctx context.Context, provider *oidc.Provider, told registration) (*outcome, error) {
	config := oauth2.Config{
		ClientID:     told.ClientID,
		ClientSecret: told.ClientSecret,
		Endpoint:     provider.Endpoint(),
		RedirectURL:  told.RedirectURI,
		Scopes:       strings.Fields(told.Scope),
	}
	verifier, state, nonce := oauth2.GenerateVerifier(), oauth2.GenerateVerifier(), oauth2.GenerateVerifier()
	answer, err := send(config.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier), oidc.Nonce(nonce)))
	if err != nil {
		return nil, err
	}
	if answer.Get("state") != state {
		return nil, errors.New("the state is another")
	}
	token, err := config.Exchange(ctx, answer.Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		return nil, err
	}
	subject, err := verify(ctx, provider, told, token, nonce)
	if err != nil {
		return nil, err
	}
	about, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return nil, err
	}
	renewed, err := config.TokenSource(ctx, &oauth2.Token{RefreshToken: token.RefreshToken}).Token()
	if err != nil {
		return nil, err
	}
	return &outcome{token.AccessToken, renewed.AccessToken, subject, about.Subject}, nil
}

func send(address string) (url.Values, error) {
	if err := write(map[string]string{"authorization_url": address}); err != nil {
		return nil, err
	}
	var back struct {
		Callback string `json:"callback"`
	}
	if err := read(&back); err != nil {
		return nil, err
	}
	callback, err := url.Parse(back.Callback)
	if err != nil {
		return nil, err
	}
	return callback.Query(), nil
}

// What the documents of go-oidc ask of its users: verify, compare the nonce, compare at_hash.
func verify(
	ctx context.Context, provider *oidc.Provider, told registration, token *oauth2.Token, nonce string,
) (string, error) {
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return "", errors.New("there is no ID token")
	}
	verified, err := provider.Verifier(&oidc.Config{ClientID: told.ClientID}).Verify(ctx, raw)
	if err != nil {
		return "", err
	}
	if verified.Nonce != nonce {
		return "", errors.New("the nonce is another")
	}
	return verified.Subject, verified.VerifyAccessToken(token.AccessToken)
}
