use super::*;
use rust_decimal::Decimal;
use stockade_core::Slug;
use stockade_core::desk::{Command, Reply};
use stockade_store::query::At;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn stop(name: &str) -> Command {
    Command::BotStop { name: Slug::new(name).unwrap() }
}

async fn echo(request: Request) -> Answer {
    match request.task {
        Task::Command(command) => Answer::Reply(Reply::Done {
            message: format!("{command:?}"),
            order: None,
            sleeve: None,
            booked: Some(1),
            known: None,
        }),
        Task::Host(_) => Answer::NotFound { what: "bot".to_owned(), name: "x".to_owned() },
    }
}

#[test]
fn a_request_is_one_line_of_json() {
    let request = Request { account: None, task: Task::Command(Box::new(stop("dip"))) };
    let text = serde_json::to_string(&request).unwrap();
    assert_eq!(text, r#"{"command":{"command":"bot_stop","name":"dip"}}"#);
    assert_eq!(serde_json::from_str::<Request>(&text).unwrap(), request);
    let request = Request {
        account: Some(Slug::new("paper").unwrap()),
        task: Task::Host(HostRequest::Reconcile),
    };
    let text = serde_json::to_string(&request).unwrap();
    assert_eq!(text, r#"{"account":"paper","host":{"request":"reconcile"}}"#);
    assert_eq!(serde_json::from_str::<Request>(&text).unwrap(), request);
}

#[tokio::test]
async fn many_requests_on_one_connection() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("s");
    assert!(Link::open(&socket).await.unwrap().is_none());
    let server = tokio::spawn(serve(bind(&socket).await.unwrap(), echo));
    let mut link = Link::open(&socket).await.unwrap().unwrap();
    for name in ["a", "b"] {
        let answer = link.call(None, Task::Command(Box::new(stop(name)))).await.unwrap();
        let Answer::Reply(Reply::Done { message, booked, .. }) = answer else {
            panic!("{answer:?}")
        };
        assert_eq!((message.contains(name), booked), (true, Some(1)));
    }
    let answer = link.call(None, Task::Host(HostRequest::Health)).await.unwrap();
    assert_eq!(answer, Answer::NotFound { what: "bot".to_owned(), name: "x".to_owned() });
    server.abort();
}

#[tokio::test]
async fn a_second_host_is_refused_and_a_dead_socket_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("s");
    let first = bind(&socket).await.unwrap();
    assert_eq!(bind(&socket).await.unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
    drop(first);
    assert!(Link::open(&socket).await.unwrap().is_none());
    bind(&socket).await.unwrap();
}

#[tokio::test]
async fn nonsense_gets_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("s");
    let server = tokio::spawn(serve(bind(&socket).await.unwrap(), echo));
    let mut stream = tokio::net::UnixStream::connect(&socket).await.unwrap();
    stream.write_all(b"{\"command\":{\"command\":\"make_rich\"}}\nhalf").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let answers: Vec<Answer> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), 2);
    assert!(answers.iter().all(|answer| matches!(answer, Answer::Failed { .. })), "{answers:?}");
    server.abort();
}

#[test]
fn differences_are_ours_less_the_brokers() {
    let one = Decimal::ONE;
    let symbol = SymbolDifference::of("AAPL", Decimal::TEN, one, Decimal::TEN);
    let json = serde_json::to_value(&symbol).unwrap();
    assert_eq!(json["difference"], "1");
    assert_eq!(serde_json::from_value::<SymbolDifference>(json).unwrap(), symbol);
    let cash = serde_json::to_value(CashDifference::of(one, Decimal::TEN)).unwrap();
    assert_eq!((&cash["difference"], &cash["broker"]), (&"-9".into(), &"10".into()));
    let at = serde_json::to_value(At(1_500_000_000)).unwrap();
    assert_eq!(at, "1970-01-01T00:00:01.5Z");
    assert_eq!(serde_json::from_value::<At>(at).unwrap(), At(1_500_000_000));
}
