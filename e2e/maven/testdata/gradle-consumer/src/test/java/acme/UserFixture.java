package acme;

class UserFixture extends Fixture {
}
