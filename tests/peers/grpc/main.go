// SPDX-License-Identifier: MIT

// A gRPC server by grpc-go, for tests: grpc CERT KEY prints its ports as JSON and ends with its standard input. Messages of
// the service t.T are bytes, and its methods those of tests/support/grpc_server.py; health and reflection are grpc-go's own.
//
//	plain   as it comes        tls     over TLS           narrow  2 streams a connection
//	aging   connections end after 100 ms, in order        small   metadata of at most 1,000 bytes
package main

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	_ "google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// Messages as they are; those of health and reflection as protobuf.
type codec struct{}

func (codec) Name() string { return "proto" }

func (codec) Marshal(v any) ([]byte, error) {
	if message, ok := v.([]byte); ok {
		return message, nil
	}
	return proto.Marshal(v.(proto.Message))
}

func (codec) Unmarshal(data []byte, v any) error {
	if message, ok := v.(*[]byte); ok {
		*message = bytes.Clone(data)
		return nil
	}
	return proto.Unmarshal(data, v.(proto.Message))
}

type stream struct{ grpc.ServerStream }

func (s stream) receive() ([]byte, error) {
	var message []byte
	err := s.RecvMsg(&message)
	return message, err
}

func (s stream) echo(request []byte) error {
	said, _ := metadata.FromIncomingContext(s.Context())
	trailers := metadata.MD{}
	for key, values := range said {
		if !strings.HasPrefix(key, ":") {
			trailers["saw-"+key] = values
		}
	}
	s.SetTrailer(trailers)
	if err := s.SendHeader(metadata.Pairs("first", "1", "first-bin", "\x00\x01\xff")); err != nil {
		return err
	}
	return s.SendMsg(request)
}

func (s stream) wait(request []byte) error {
	seconds, err := strconv.ParseFloat(string(request), 64)
	if err != nil {
		return err
	}
	select {
	case <-time.After(time.Duration(seconds * float64(time.Second))):
		return s.SendMsg([]byte("waited"))
	case <-s.Context().Done():
		return s.Context().Err()
	}
}

func (s stream) fail(request []byte) error {
	number, details, _ := strings.Cut(string(request), " ")
	code, err := strconv.Atoi(number)
	if err != nil {
		return err
	}
	s.SetTrailer(metadata.Pairs("why", "so", "why-bin", "\xfe\xff"))
	return status.Error(codes.Code(code), details)
}

func (s stream) many(request []byte) error {
	var count int
	var pause float64
	if _, err := fmt.Sscan(string(request), &count, &pause); err != nil {
		return err
	}
	for i := range count {
		if i > 0 {
			time.Sleep(time.Duration(pause * float64(time.Second)))
		}
		if err := s.SendMsg([]byte(strconv.Itoa(i))); err != nil {
			return err
		}
	}
	return nil
}

func (s stream) join(each bool) error {
	var all [][]byte
	for {
		request, err := s.receive()
		if err == io.EOF {
			break
		} else if err != nil {
			return err
		}
		if all = append(all, request); each {
			if err := s.SendMsg(bytes.ToUpper(request)); err != nil {
				return err
			}
		}
	}
	if each {
		return nil
	}
	return s.SendMsg(bytes.Join(all, []byte(" ")))
}

func handle(_ any, raw grpc.ServerStream) error {
	s := stream{raw}
	method, _ := grpc.MethodFromServerStream(raw)
	switch method {
	case "/t.T/Join", "/t.T/Each":
		return s.join(method == "/t.T/Each")
	}
	one := map[string]func([]byte) error{"/t.T/Echo": s.echo, "/t.T/Wait": s.wait, "/t.T/Fail": s.fail, "/t.T/Many": s.many,
		"/t.T/Bytes": func(request []byte) error {
			size, err := strconv.Atoi(string(request))
			if err != nil {
				return err
			}
			return s.SendMsg(bytes.Repeat([]byte("x"), size))
		}}[method]
	if one == nil {
		return status.Error(codes.Unimplemented, "no such method: "+method)
	}
	request, err := s.receive()
	if err != nil {
		return err
	}
	return one(request)
}

func start(options ...grpc.ServerOption) (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	server := grpc.NewServer(append(options, grpc.ForceServerCodec(codec{}), grpc.UnknownServiceHandler(handle))...)
	states := health.NewServer()
	states.SetServingStatus("t.T", healthpb.HealthCheckResponse_NOT_SERVING)
	healthpb.RegisterHealthServer(server, states)
	reflection.Register(server)
	go func() { _ = server.Serve(listener) }()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

func main() {
	certificate, err := tls.LoadX509KeyPair(os.Args[1], os.Args[2])
	if err != nil {
		panic(err)
	}
	ports := map[string]int{}
	for name, options := range map[string][]grpc.ServerOption{
		"plain":  nil,
		"tls":    {grpc.Creds(credentials.NewServerTLSFromCert(&certificate))},
		"narrow": {grpc.MaxConcurrentStreams(2)},
		"aging":  {grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionAge: 100 * time.Millisecond, MaxConnectionAgeGrace: time.Minute})},
		"small":  {grpc.MaxHeaderListSize(1000)},
	} {
		if ports[name], err = start(options...); err != nil {
			panic(err)
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(ports); err != nil {
		panic(err)
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
}
