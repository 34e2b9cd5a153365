BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE attempt (
	id INTEGER NOT NULL, 
	destination VARCHAR NOT NULL, 
	sent_at VARCHAR NOT NULL, 
	receipt VARCHAR, 
	PRIMARY KEY (id)
);
INSERT INTO "attempt" VALUES(1,'cyberimpact.contacts','2026-11-22T06:36:23.689854+00:00','1007');
INSERT INTO "attempt" VALUES(2,'cyberimpact.contacts','2026-11-22T06:36:23.689951+00:00','1010');
INSERT INTO "attempt" VALUES(3,'cyberimpact.contacts','2026-11-22T06:36:23.700413+00:00','1012');
INSERT INTO "attempt" VALUES(4,'cyberimpact.contacts','2026-11-22T06:36:23.708591+00:00',NULL);
CREATE TABLE attemptpart (
	attempt INTEGER NOT NULL, 
	"key" VARCHAR NOT NULL, 
	destination VARCHAR NOT NULL, 
	revision INTEGER NOT NULL, 
	body VARCHAR, 
	state VARCHAR NOT NULL, 
	PRIMARY KEY (attempt, "key")
)
 WITHOUT ROWID

;
INSERT INTO "attemptpart" VALUES(1,'ana@example.com','cyberimpact.contacts',1,NULL,'confirmed');
INSERT INTO "attemptpart" VALUES(1,'eva@example.com','cyberimpact.contacts',1,NULL,'confirmed');
INSERT INTO "attemptpart" VALUES(2,'bea@example.com','cyberimpact.contacts',1,NULL,'confirmed');
INSERT INTO "attemptpart" VALUES(3,'cleo@example.com','cyberimpact.contacts',1,NULL,'confirmed');
INSERT INTO "attemptpart" VALUES(4,'hal@example.com','cyberimpact.contacts',1,NULL,'confirmed');
CREATE TABLE backfill (
	id INTEGER NOT NULL, 
	mapping VARCHAR NOT NULL, 
	since VARCHAR NOT NULL, 
	until VARCHAR NOT NULL, 
	force BOOLEAN NOT NULL, 
	positions VARCHAR NOT NULL, 
	created_at VARCHAR NOT NULL, 
	done_at VARCHAR, 
	PRIMARY KEY (id)
);
CREATE TABLE checkpoint (
	mapping VARCHAR NOT NULL, 
	partition VARCHAR NOT NULL, 
	position VARCHAR, 
	moved_at VARCHAR, 
	failed_at VARCHAR, 
	error VARCHAR, 
	retired_at VARCHAR, 
	PRIMARY KEY (mapping, partition)
)
 WITHOUT ROWID

;
INSERT INTO "checkpoint" VALUES('new-customers','1000/locked','{"read":"2026-11-22T06:36:23.636486Z"}','2026-11-22T06:36:23.641194+00:00',NULL,NULL,NULL);
INSERT INTO "checkpoint" VALUES('new-customers','1000/open','{"swept":"2026-11-22T06:36:23.643321Z"}','2026-11-22T06:36:23.644029+00:00',NULL,NULL,NULL);
INSERT INTO "checkpoint" VALUES('new-customers','1000/updated','{"read":"2026-11-22T06:31:23Z"}','2026-11-22T06:36:23.632129+00:00',NULL,NULL,NULL);
CREATE TABLE counter (
	name VARCHAR NOT NULL, 
	value INTEGER NOT NULL, 
	PRIMARY KEY (name)
)
 WITHOUT ROWID

;
INSERT INTO "counter" VALUES('seq',6);
CREATE TABLE former (
	person VARCHAR NOT NULL, 
	destination VARCHAR NOT NULL, 
	"key" VARCHAR NOT NULL, 
	PRIMARY KEY (person, destination, "key")
)
 WITHOUT ROWID

;
CREATE TABLE mapping (
	name VARCHAR NOT NULL, 
	first_run_at VARCHAR NOT NULL, 
	PRIMARY KEY (name)
)
 WITHOUT ROWID

;
INSERT INTO "mapping" VALUES('new-customers','2026-11-22T06:36:23.612910+00:00');
CREATE TABLE membership (
	destination VARCHAR NOT NULL, 
	"key" VARCHAR NOT NULL, 
	identity VARCHAR NOT NULL, 
	title VARCHAR NOT NULL, 
	state VARCHAR NOT NULL, 
	PRIMARY KEY (destination, "key", identity)
)
 WITHOUT ROWID

;
INSERT INTO "membership" VALUES('cyberimpact.contacts','ana@example.com','partner:1','Partner: Acmepartner:1','ours');
INSERT INTO "membership" VALUES('cyberimpact.contacts','ana@example.com','affiliate customers','Affiliate customers','ours');
INSERT INTO "membership" VALUES('cyberimpact.contacts','bea@example.com','partner:1','Partner: Acmepartner:1','ours');
INSERT INTO "membership" VALUES('cyberimpact.contacts','bea@example.com','partner:2','Partner: Birchpartner:2','ours');
INSERT INTO "membership" VALUES('cyberimpact.contacts','bea@example.com','affiliate customers','Affiliate customers','ours');
INSERT INTO "membership" VALUES('cyberimpact.contacts','cleo@example.com','partner:1','Partner: Acmepartner:1','ours');
INSERT INTO "membership" VALUES('cyberimpact.contacts','cleo@example.com','affiliate customers','Affiliate customers','before');
INSERT INTO "membership" VALUES('cyberimpact.contacts','eva@example.com','partner:1','Partner: Acmepartner:1','ours');
INSERT INTO "membership" VALUES('cyberimpact.contacts','eva@example.com','affiliate customers','Affiliate customers','ours');
INSERT INTO "membership" VALUES('cyberimpact.contacts','hal@example.com','partner:1','Partner: Acmepartner:1','ours');
INSERT INTO "membership" VALUES('cyberimpact.contacts','hal@example.com','affiliate customers','Affiliate customers','ours');
CREATE TABLE memory (
	connection VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	value VARCHAR NOT NULL, 
	PRIMARY KEY (connection, name)
)
 WITHOUT ROWID

;
INSERT INTO "memory" VALUES('cyberimpact','bound groups','{"partner:1":[1005,"partner: acme"],"partner:2":[1006,"partner: birch"]}');
INSERT INTO "memory" VALUES('cyberimpact','quota','{"cyberimpact:b556ffe882d1":{"at":"2026-11-22T06:36:23.710009Z","limit":null,"remaining":null,"resets_at":null,"blocked_until":null}}');
INSERT INTO "memory" VALUES('impact','quota','{"impact 127.0.0.1 df7218978b7b":{"at":"2026-11-22T06:36:23.640159Z","limit":1000,"remaining":997,"resets_at":"2026-11-22T07:36:23.640156Z","blocked_until":null}}');
CREATE TABLE record (
	mapping VARCHAR NOT NULL, 
	id VARCHAR NOT NULL, 
	destination VARCHAR NOT NULL, 
	partition VARCHAR NOT NULL, 
	seq INTEGER NOT NULL, 
	moment VARCHAR NOT NULL, 
	digest VARCHAR NOT NULL, 
	state VARCHAR NOT NULL, 
	person VARCHAR, 
	"key" VARCHAR, 
	body VARCHAR, 
	once VARCHAR, 
	first_at VARCHAR NOT NULL, 
	due_at VARCHAR, 
	code VARCHAR, 
	note VARCHAR, 
	since VARCHAR NOT NULL, 
	retracted_at VARCHAR, 
	PRIMARY KEY (mapping, id)
)
 WITHOUT ROWID

;
INSERT INTO "record" VALUES('new-customers','1000.4636.200001','cyberimpact.contacts','1000/updated',1,'2026-11-21T06:36:21+00:00','c21de1ca743080b1fee42674','live','shop.customers:C1','ana@example.com','{"key":"ana@example.com","fields":{"firstname":"Ana","lastname":"Doe","language":"fr_ca"},"groups":["Affiliate customers","Partner: Acme\u001fpartner:1"],"consent":{"basis":"active-clients","date":"2026-11-21","proof":"impact.com action 1000.4636.200001, order order-0","expires":"2028-11-21"}}','["firstname","language","lastname"]','2026-11-22T06:36:23.612884+00:00',NULL,NULL,NULL,'2026-11-22T06:36:23.632129+00:00',NULL);
INSERT INTO "record" VALUES('new-customers','1000.4636.200002','cyberimpact.contacts','1000/updated',1,'2026-11-21T06:36:21+00:00','7153f52b6c8154bb0ec5fa5f','live','shop.customers:C2','bea@example.com','{"key":"bea@example.com","fields":{"firstname":"Bea","lastname":"Doe","language":"fr_ca"},"groups":["Affiliate customers","Partner: Acme\u001fpartner:1"],"consent":{"basis":"active-clients","date":"2026-11-21","proof":"impact.com action 1000.4636.200002, order order-1","expires":"2028-11-21"}}','["firstname","language","lastname"]','2026-11-22T06:36:23.612884+00:00',NULL,NULL,NULL,'2026-11-22T06:36:23.632129+00:00',NULL);
INSERT INTO "record" VALUES('new-customers','1000.4636.200003','cyberimpact.contacts','1000/updated',1,'2026-11-21T06:36:21+00:00','8608bb2067e71f3eac8ef401','live','shop.customers:C3','cleo@example.com','{"key":"cleo@example.com","fields":{"firstname":"Cleo","lastname":"Doe","language":"fr_ca"},"groups":["Affiliate customers","Partner: Acme\u001fpartner:1"],"consent":{"basis":"active-clients","date":"2026-11-21","proof":"impact.com action 1000.4636.200003, order order-2","expires":"2028-11-21"}}','["firstname","language","lastname"]','2026-11-22T06:36:23.612884+00:00',NULL,NULL,NULL,'2026-11-22T06:36:23.632129+00:00',NULL);
INSERT INTO "record" VALUES('new-customers','1000.4636.200004','cyberimpact.contacts','1000/updated',1,'2026-11-21T06:36:21+00:00','5a659d3fce9f66d8d23cf05d','live','shop.customers:C4','dan@example.com','{"key":"dan@example.com","fields":{"firstname":"Dan","lastname":"Doe","language":"fr_ca"},"groups":["Affiliate customers","Partner: Acme\u001fpartner:1"],"consent":{"basis":"active-clients","date":"2026-11-21","proof":"impact.com action 1000.4636.200004, order order-3","expires":"2028-11-21"}}','["firstname","language","lastname"]','2026-11-22T06:36:23.612884+00:00',NULL,NULL,NULL,'2026-11-22T06:36:23.632129+00:00',NULL);
INSERT INTO "record" VALUES('new-customers','1000.4636.200005','cyberimpact.contacts','1000/updated',1,'2026-11-21T06:36:21+00:00','feffeb4fde3ae852195c50dc','live','shop.customers:C5','eva@example.com','{"key":"eva@example.com","fields":{"firstname":"Eva","lastname":"Doe","language":"fr_ca"},"groups":["Affiliate customers","Partner: Acme\u001fpartner:1"],"consent":{"basis":"active-clients","date":"2026-11-21","proof":"impact.com action 1000.4636.200005, order order-4","expires":"2028-11-21"}}','["firstname","language","lastname"]','2026-11-22T06:36:23.612884+00:00',NULL,NULL,NULL,'2026-11-22T06:36:23.632129+00:00',NULL);
INSERT INTO "record" VALUES('new-customers','1000.4636.200006','cyberimpact.contacts','1000/updated',1,'2026-11-21T06:36:21+00:00','99771a1e028c1fba61fa9f62','suppressed','shop.customers:C6','fay@example.com',NULL,NULL,'2026-11-22T06:36:23.612884+00:00',NULL,'refused',NULL,'2026-11-22T06:36:23.632129+00:00',NULL);
INSERT INTO "record" VALUES('new-customers','1000.4636.200007','cyberimpact.contacts','1000/updated',1,'2026-11-21T06:36:21+00:00','e0997f8016af04f7c5ab9906','waiting',NULL,NULL,'{"CustomerId":"C7","CustomerStatus":"NEW","EventDate":"2026-11-20T22:36:21-08:00","Id":"1000.4636.200007","MediaPartnerId":"1","MediaPartnerName":"Acme","Oid":"order-6","State":"PENDING"}',NULL,'2026-11-22T06:36:23.612884+00:00','2026-11-22T06:36:23.612884+00:00','unknown',NULL,'2026-11-22T06:36:23.632129+00:00',NULL);
INSERT INTO "record" VALUES('new-customers','1000.4636.200008','cyberimpact.contacts','1000/updated',1,'2026-11-21T06:36:21+00:00','efb0b46530605dc6d88c9a75','live','shop.customers:C8','hal@example.com','{"key":"hal@example.com","fields":{"firstname":"Hal","lastname":"Doe","language":"fr_ca"},"groups":["Affiliate customers","Partner: Acme\u001fpartner:1"],"consent":{"basis":"active-clients","date":"2026-11-21","proof":"impact.com action 1000.4636.200008, order order-7","expires":"2028-11-21"}}','["firstname","language","lastname"]','2026-11-22T06:36:23.612884+00:00',NULL,NULL,NULL,'2026-11-22T06:36:23.632129+00:00',NULL);
INSERT INTO "record" VALUES('new-customers','1000.4636.200009','cyberimpact.contacts','1000/updated',1,'2026-11-21T06:36:21+00:00','2d56241db2de97d330abe3bc','rejected','shop.customers:C9',NULL,'{"CustomerId":"C9","CustomerStatus":"NEW","EventDate":"2026-11-20T22:36:21-08:00","Id":"1000.4636.200009","MediaPartnerId":"1","MediaPartnerName":"Acme","Oid":"order-8","State":"PENDING"}',NULL,'2026-11-22T06:36:23.612884+00:00',NULL,'not_an_address',NULL,'2026-11-22T06:36:23.632129+00:00',NULL);
INSERT INTO "record" VALUES('new-customers','1000.4636.200010','cyberimpact.contacts','1000/updated',1,'2026-11-20T06:36:21+00:00','a467e750fc03c3cc69f8a405','live','shop.customers:C2','bea@example.com','{"key":"bea@example.com","fields":{"firstname":"Bea","lastname":"Doe","language":"fr_ca"},"groups":["Affiliate customers","Partner: Birch\u001fpartner:2"],"consent":{"basis":"active-clients","date":"2026-11-20","proof":"impact.com action 1000.4636.200010, order order-9","expires":"2028-11-20"}}','["firstname","language","lastname"]','2026-11-22T06:36:23.612884+00:00',NULL,NULL,NULL,'2026-11-22T06:36:23.632129+00:00',NULL);
CREATE TABLE reject (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	destination VARCHAR NOT NULL, 
	mapping VARCHAR, 
	record VARCHAR, 
	"key" VARCHAR, 
	code VARCHAR NOT NULL, 
	field VARCHAR, 
	message VARCHAR NOT NULL, 
	at VARCHAR NOT NULL, 
	dismissed_at VARCHAR
);
INSERT INTO "reject" VALUES(1,'cyberimpact.contacts','new-customers','1000.4636.200009',NULL,'not_an_address','email','Not an e-mail address.','2026-11-22T06:36:23.632129+00:00',NULL);
CREATE TABLE run (
	id INTEGER NOT NULL, 
	mapping VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	state VARCHAR NOT NULL, 
	started_at VARCHAR NOT NULL, 
	ended_at VARCHAR, 
	counts VARCHAR NOT NULL, 
	message VARCHAR, 
	PRIMARY KEY (id)
);
INSERT INTO "run" VALUES(1,'new-customers','manual','done','2026-11-22T06:36:23.559117+00:00','2026-11-22T06:36:23.716380+00:00','{"drafted":7,"read":10,"rejected":1,"requests":27,"requests_failed":0,"requests_throttled":0,"requests_to_cyberimpact":2,"requests_to_impact":3,"revisions":6,"suppressed":1,"targets_attempts":4,"targets_created":3,"targets_delivered":5,"targets_requests_to_cyberimpact":22,"targets_suppressed":1,"waiting":1}',NULL);
CREATE TABLE suppression (
	destination VARCHAR NOT NULL, 
	"key" VARCHAR NOT NULL, 
	reason VARCHAR NOT NULL, 
	since VARCHAR NOT NULL, 
	said VARCHAR, 
	PRIMARY KEY (destination, "key")
)
 WITHOUT ROWID

;
INSERT INTO "suppression" VALUES('cyberimpact.contacts','dan@example.com','unsubscribed','2026-11-22T06:36:23.611896+00:00',NULL);
INSERT INTO "suppression" VALUES('cyberimpact.contacts','fay@example.com','refused','2026-11-22T06:36:23.632129+00:00',NULL);
CREATE TABLE tally (
	destination VARCHAR NOT NULL, 
	outcome VARCHAR NOT NULL, 
	number INTEGER NOT NULL, 
	PRIMARY KEY (destination, outcome)
)
 WITHOUT ROWID

;
INSERT INTO "tally" VALUES('cyberimpact.contacts','revisions',6);
CREATE TABLE target (
	destination VARCHAR NOT NULL, 
	"key" VARCHAR NOT NULL, 
	desired VARCHAR NOT NULL, 
	desired_rev INTEGER NOT NULL, 
	delivered VARCHAR NOT NULL, 
	delivered_rev INTEGER NOT NULL, 
	state VARCHAR NOT NULL, 
	due_at VARCHAR, 
	tries INTEGER NOT NULL, 
	code VARCHAR, 
	changed_at VARCHAR NOT NULL, 
	PRIMARY KEY (destination, "key")
)
 WITHOUT ROWID

;
INSERT INTO "target" VALUES('cyberimpact.contacts','ana@example.com','{"fields":{"firstname":"Ana","language":"fr_ca","lastname":"Doe"},"once":["firstname","language","lastname"],"groups":["Affiliate customers","Partner: Acme\u001fpartner:1"],"consent":{"basis":"active-clients","date":"2026-11-21","proof":"impact.com action 1000.4636.200001, order order-0","expires":"2028-11-21"}}',1,'{"present":true,"fields":{"firstname":"Ana","language":"fr_ca","lastname":"Doe"},"consent":{"basis":"active-clients","date":"2026-11-21","proof":"impact.com action 1000.4636.200001, order order-0","expires":"2028-11-21"}}',1,'delivered',NULL,0,NULL,'2026-11-22T06:36:23.713707+00:00');
INSERT INTO "target" VALUES('cyberimpact.contacts','bea@example.com','{"fields":{"firstname":"Bea","language":"fr_ca","lastname":"Doe"},"once":["firstname","language","lastname"],"groups":["Affiliate customers","Partner: Acme\u001fpartner:1","Partner: Birch\u001fpartner:2"],"consent":{"basis":"active-clients","date":"2026-11-21","proof":"impact.com action 1000.4636.200002, order order-1","expires":"2028-11-21"}}',1,'{"present":true,"fields":{"firstname":"Bea","language":"fr_ca","lastname":"Doe"},"consent":{"basis":"active-clients","date":"2026-11-21","proof":"impact.com action 1000.4636.200002, order order-1","expires":"2028-11-21"}}',1,'delivered',NULL,0,NULL,'2026-11-22T06:36:23.713707+00:00');
INSERT INTO "target" VALUES('cyberimpact.contacts','cleo@example.com','{"fields":{"firstname":"Cleo","language":"fr_ca","lastname":"Doe"},"once":["firstname","language","lastname"],"groups":["Affiliate customers","Partner: Acme\u001fpartner:1"],"consent":{"basis":"active-clients","date":"2026-11-21","proof":"impact.com action 1000.4636.200003, order order-2","expires":"2028-11-21"}}',1,'{"present":true,"consent":{"basis":"active-clients","date":"2026-11-21","proof":"impact.com action 1000.4636.200003, order order-2","expires":"2028-11-21"}}',1,'delivered',NULL,0,NULL,'2026-11-22T06:36:23.713707+00:00');
INSERT INTO "target" VALUES('cyberimpact.contacts','dan@example.com','{"fields":{"firstname":"Dan","language":"fr_ca","lastname":"Doe"},"once":["firstname","language","lastname"],"groups":["Affiliate customers","Partner: Acme\u001fpartner:1"],"consent":{"basis":"active-clients","date":"2026-11-21","proof":"impact.com action 1000.4636.200004, order order-3","expires":"2028-11-21"}}',1,'{}',0,'suppressed',NULL,0,'unsubscribed','2026-11-22T06:36:23.676845+00:00');
INSERT INTO "target" VALUES('cyberimpact.contacts','eva@example.com','{"fields":{"firstname":"Eva","language":"fr_ca","lastname":"Doe"},"once":["firstname","language","lastname"],"groups":["Affiliate customers","Partner: Acme\u001fpartner:1"],"consent":{"basis":"active-clients","date":"2026-11-21","proof":"impact.com action 1000.4636.200005, order order-4","expires":"2028-11-21"}}',1,'{"present":true,"fields":{"firstname":"Eva","language":"fr_ca","lastname":"Doe"},"consent":{"basis":"active-clients","date":"2026-11-21","proof":"impact.com action 1000.4636.200005, order order-4","expires":"2028-11-21"}}',1,'delivered',NULL,0,NULL,'2026-11-22T06:36:23.713707+00:00');
INSERT INTO "target" VALUES('cyberimpact.contacts','hal@example.com','{"fields":{"firstname":"Hal","language":"fr_ca","lastname":"Doe"},"once":["firstname","language","lastname"],"groups":["Affiliate customers","Partner: Acme\u001fpartner:1"],"consent":{"basis":"active-clients","date":"2026-11-21","proof":"impact.com action 1000.4636.200008, order order-7","expires":"2028-11-21"}}',1,'{"present":true,"express":true}',1,'delivered',NULL,0,NULL,'2026-11-22T06:36:23.713707+00:00');
CREATE TABLE watch (
	mapping VARCHAR NOT NULL, 
	id VARCHAR NOT NULL, 
	partition VARCHAR NOT NULL, 
	moment VARCHAR NOT NULL, 
	seq INTEGER NOT NULL, 
	PRIMARY KEY (mapping, id)
)
 WITHOUT ROWID

;
INSERT INTO "watch" VALUES('new-customers','1000.4636.200001','1000/open','2026-11-21T06:36:21+00:00',1);
INSERT INTO "watch" VALUES('new-customers','1000.4636.200002','1000/open','2026-11-21T06:36:21+00:00',1);
INSERT INTO "watch" VALUES('new-customers','1000.4636.200003','1000/open','2026-11-21T06:36:21+00:00',1);
INSERT INTO "watch" VALUES('new-customers','1000.4636.200004','1000/open','2026-11-21T06:36:21+00:00',1);
INSERT INTO "watch" VALUES('new-customers','1000.4636.200005','1000/open','2026-11-21T06:36:21+00:00',1);
INSERT INTO "watch" VALUES('new-customers','1000.4636.200006','1000/open','2026-11-21T06:36:21+00:00',1);
INSERT INTO "watch" VALUES('new-customers','1000.4636.200007','1000/open','2026-11-21T06:36:21+00:00',1);
INSERT INTO "watch" VALUES('new-customers','1000.4636.200008','1000/open','2026-11-21T06:36:21+00:00',1);
INSERT INTO "watch" VALUES('new-customers','1000.4636.200009','1000/open','2026-11-21T06:36:21+00:00',1);
INSERT INTO "watch" VALUES('new-customers','1000.4636.200010','1000/open','2026-11-20T06:36:21+00:00',1);
CREATE INDEX attemptpart_key ON attemptpart (destination, "key");
CREATE UNIQUE INDEX attemptpart_open ON attemptpart (destination, "key") WHERE state = 'open';
CREATE INDEX ix_backfill_mapping ON backfill (mapping);
CREATE INDEX record_key ON record (destination, "key", person);
CREATE INDEX record_person ON record (person, destination, "key") WHERE person IS NOT NULL;
CREATE INDEX record_state ON record (mapping, state) WHERE state <> 'live';
CREATE INDEX reject_key ON reject (destination, "key");
CREATE INDEX reject_record ON reject (mapping, record);
CREATE INDEX ix_run_mapping ON run (mapping);
CREATE INDEX target_state ON target (destination, state, "key");
CREATE INDEX watch_partition ON watch (mapping, partition, moment);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('reject',1);
COMMIT;
