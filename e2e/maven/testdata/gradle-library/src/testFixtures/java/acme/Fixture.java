package acme;

public class Fixture {
}
