use super::*;
use crate::clients::Patience;
use crate::wire::{Service, reply};

#[tokio::test]
async fn an_item_that_is_no_job_is_left_out_of_a_list() {
    let key =
        format!(r#""pk":{{"S":"T#demo"}},"sk":{{"S":"J#{}"}},"created_at":{{"N":"7"}}"#, "a".repeat(32));
    let found =
        format!(r#"{{"Count":2,"Items":[{{{key}}},{{"pk":{{"N":"1"}}}}],"LastEvaluatedKey":{{{key}}}}}"#);
    let service =
        Service::start([reply(200, &[("content-type", "application/x-amz-json-1.0")], &found)]).await;
    let jobs = DynamoJobs::new(&service.config(Patience::ITEMS).await, "jobs".to_owned());
    let page = jobs.list(&TenantId::parse("demo").unwrap(), 2, None).await.unwrap().unwrap();
    assert_eq!(page.jobs, []);
    assert!(page.next.is_some(), "the list goes on behind it");
}
